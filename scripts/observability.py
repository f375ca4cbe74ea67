"""Writes docs/observability.md, which is drawn from the sources, and puts the dashboards in form.

    python scripts/observability.py

Dashboards are edited as files, or in Grafana and exported into them; `dashboards.py` has their
form. Both are pure functions of files; tests/deploy compares what is committed with them.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from textwrap import fill
from typing import Any

from dashboards import DASHBOARDS, ROOT, WIDTH, in_form, rules

import sluicegate
from sluicegate.cli.declared import families
from sluicegate.metrics import Family, Metrics
from sluicegate.telemetry.genai import GenAi

SOURCES = Path(sluicegate.__file__).parent
PAGE = ROOT / "docs/observability.md"
GENERATED = (
    "<!-- Written by `python scripts/observability.py`; edit the sources it is drawn from. -->"
)
GROUPS: dict[str, tuple[str, ...]] = {
    "Requests and connections": ("request", "response", "client_", "dns_", "addresses_"),
    "Services and their targets": (
        "upstream_", "target_", "breaker_", "health_check", "retr", "hedges_", "shed_", "queue_",
        "concurrency_", "mirrored_", "faults_", "json_",
    ),
    "Limits": ("limit_", "authentication_"),
    "Models": ("model_", "provider_", "gen_ai_"),
    "Money": ("cost_", "budget_", "alert_", "ledger_"),
    "Answers that are given again, and the archive": ("cache_", "single_flight", "archive_"),
    "The state": ("state_", "shelf_", "embedded_"),
    "The store and keys": ("store_", "key_lookups", "keys_", "admin_"),
    "The replica itself": (
        "build_", "config_", "apply_", "worker_", "certificate_", "log_", "spans_",
    ),
}  # fmt: skip
"""Metrics by what they are looked at for: how their names begin, without `sluicegate_`."""
FIELDS = {
    "time": "When the line was written: RFC 3339, UTC.",
    "request_id": "The request's name, which clients and services get in `x-request-id`.",
    "trace_id": "The trace that it belongs to, as in its spans.",
    "client_ip": "Who called, behind the proxies that are trusted.",
    "method": "",
    "host": "As the client wrote it, without a port.",
    "path": "As it came, before any rewrite.",
    "query": "With `access_log: {query: true}`; values of secret parameters are `***`.",
    "route": "Its name; null: none matched.",
    "service": "",
    "target": "Who was asked last; the deployment, of a model.",
    "consumer": "Who the key belongs to; null: nobody showed one.",
    "key_id": "Which of the consumer's keys; never the key.",
    "plan": "",
    "status": "499: the client went away before an answer.",
    "problem": "What the gateway refused it with, if it did: a name of reference/problems.md.",
    "outcome": "How the last attempt ended where it did not go well.",
    "attempts": "How often a target was asked.",
    "bytes_in": "Of the request's body.",
    "bytes_out": "Of the response's body.",
    "duration_ms": "From the request's head to the end of its response.",
    "upstream_ms": "From the request's head to the first byte of the target.",
    "user_agent": "At most 256 characters.",
    "model": "The one asked for. From here on: calls of models only.",
    "deployment": "The one that answered.",
    "stream": "Whether the answer was to be a stream.",
    "first_token_ms": "From the request's head to the first token.",
    "input_tokens": "As the provider counts them; null: it has not said.",
    "cached_tokens": "Those of them that it had read before.",
    "output_tokens": "",
    "failure": "What went wrong in the end, as `outcome` of `sluicegate_model_calls_total`.",
}
"""Fields of the access log, in their order; a test compares them with lines of real replicas."""
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")


def main() -> None:
    """Write everything."""
    for path in sorted(DASHBOARDS.glob("*.json")):
        path.write_text(in_form(json.loads(path.read_text())))
    PAGE.write_text(page())


# --- the page ------------------------------------------------------------------------------------


def page() -> str:
    """Return docs/observability.md."""
    parts = [
        "# What can be seen from outside",
        GENERATED,
        _prose(
            "Everything that a replica says of itself. Metrics are at `/actuator/prometheus` of "
            "its management port, and each replica is a target of its own; the "
            "[access log](#access-log) is standard output, the [gateway's own "
            "log](#the-gateways-own-log) standard error, both JSON lines."
        ),
        *health(),
        *metrics(every_family()),
        *rule_pages(rules()),
        *dashboards(),
        *access_log(),
        *own_log(),
        *spans(),
        *cloudwatch(),
    ]
    return "\n\n".join(parts) + "\n"


def health() -> Iterator[str]:
    """Yield the part about the actuator, from its own docstring."""
    yield "## Health"
    text = ast.get_docstring(_tree("admin/actuator.py")) or ""
    found = re.findall(r"GET (\S+)\s+(.+)", text)
    yield _table(("Path", "Says"), [(f"`{path}`", says) for path, says in found])
    yield _prose(
        "The data port has liveness and readiness too, at the same paths; see "
        "[operating](howto/operating.md#health)."
    )


def every_family() -> list[Family]:
    """Return the gateway's metrics, and those of OpenTelemetry's conventions, by name."""
    told = Metrics()
    GenAi(told)
    found = {family.name: family for family in (*families(), *told.families.values())}
    return [found[name] for name in sorted(found)]


def group_of(name: str) -> str:
    """Return what a metric is looked at for; StopIteration is raised where nobody has said."""
    short = name.removeprefix("sluicegate_")
    return next(group for group, starts in GROUPS.items() if short.startswith(starts))


def metrics(declared: Sequence[Family]) -> Iterator[str]:
    """Yield the part about metrics."""
    yield "## Metrics"
    yield _prose(
        "Of all workers of a replica together. `le` stands beside the labels of a "
        "histogram; `job` and `instance` come from Prometheus. Where a label's values "
        "come from callers or configuration, a metric has at most 10,000 series."
    )
    for group in GROUPS:
        yield f"### {group}"
        rows = [
            (f"`{f.name}`", f.kind, ", ".join(f"`{label}`" for label in f.labels), f.meaning)
            for f in declared
            if group_of(f.name) == group
        ]
        yield _table(("Name", "Kind", "Labels", "Meaning"), rows)


def rule_pages(known: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield the parts about rules, where there are any."""
    alerts: dict[str, list[Mapping[str, Any]]] = {}
    for rule in known:
        if "alert" in rule:
            alerts.setdefault(rule["alert"], []).append(rule)
    if alerts:
        yield "## Alerts"
        yield (
            "`deploy/prometheus/rules/alerts.yml`. Each leads to its runbook: what it means, what "
            "to look at and do."
        )
        yield _table(
            ("Alert", "Severity", "For", "Says"), [_alert(*item) for item in alerts.items()]
        )
    records = [rule for rule in known if "record" in rule]
    if records:
        yield "## Recording rules"
        yield (
            "`deploy/prometheus/rules/recording.yml`: what alerts look at, and what is dear to ask."
        )
        rows = [(f"`{r['record']}`", f"`{' '.join(r['expr'].split())}`") for r in records]
        yield _table(("Name", "Is"), rows)


def _alert(name: str, each: Sequence[Mapping[str, Any]]) -> tuple[str, str, str, str]:
    notes = each[0]["annotations"]
    link = notes["runbook_url"].removeprefix("docs/")
    severities = dict.fromkeys(rule["labels"]["severity"] for rule in each)
    waits = dict.fromkeys(str(rule.get("for", "0s")) for rule in each)
    return f"[{name}]({link})", ", ".join(severities), ", ".join(waits), notes["summary"]


def dashboards() -> Iterator[str]:
    """Yield the part about dashboards, from their files."""
    yield "## Dashboards"
    yield _prose(
        "`deploy/grafana/dashboards/`, for Grafana 11 and 12. Each asks for a data "
        "source, and for `namespace`, `job` and `instance` to look at; `documents` is what "
        "stands before `docs/runbooks/` in their links: where your readers find this repository."
    )
    for path in sorted(DASHBOARDS.glob("*.json")):
        dashboard = json.loads(path.read_text())
        yield f"### {dashboard['title']}"
        yield f"`{path.name}`. {dashboard['description']}"
        rows = [
            (panel["title"], panel["description"])
            for panel in dashboard["panels"]
            if panel["type"] != "row"
        ]
        yield _table(("Panel", "Says"), rows)


def access_log() -> Iterator[str]:
    """Yield the part about the access log."""
    yield "## Access log"
    yield "A line for each exchange that is over, where the policy `access_log` is in use."
    yield _table(("Field", "Meaning"), [(f"`{name}`", text) for name, text in FIELDS.items()])


def own_log() -> Iterator[str]:
    """Yield the part about what processes say of themselves."""
    yield "## The gateway's own log"
    yield _prose(
        "Each line has `time`, `level` and `event`, and what stands beside it here; "
        "`exception` where it has a traceback. Lines with `audit: true` tell who changed "
        "what. Words in braces vary."
    )
    found = sorted({each for path in SOURCES.rglob("*.py") for each in _events(path)})
    rows = [
        (event, level, ", ".join(f"`{name}`" for name in names)) for event, level, names in found
    ]
    yield _table(("Event", "Level", "Beside it"), rows)


def _events(path: Path) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        level = node.func.attr
        logs = ast.unparse(node.func.value)
        if level not in LEVELS or not node.args or "log" not in logs:
            continue
        event = _words(node.args[0])
        if event:
            names = tuple(each.arg for each in node.keywords if each.arg and each.arg != "exc_info")
            yield event, "error" if level == "exception" else level, names


def _words(node: ast.expr) -> str:
    """Return a text as written; what is put into it stands in braces."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            each.value if isinstance(each, ast.Constant) else f"{{{ast.unparse(each)[1:-1]}}}"
            for each in node.values
            if isinstance(each, ast.FormattedValue) or isinstance(each.value, str)
        )
    return ""


def spans() -> Iterator[str]:
    """Yield the part about spans."""
    yield "## Spans"
    yield _prose(
        "Where `tracing` names a collector: one span of kind server for each exchange "
        "that is sampled, and one of kind client for each attempt, which is a span of "
        "OpenTelemetry's conventions for generative AI where it calls a model. Nothing of "
        "queries, headers, prompts or answers is in them. What is not known is left out."
    )
    tree = _tree("telemetry/spans.py")
    shared = _attributes(tree, "_method")
    rows = [
        (title, ", ".join(f"`{name}`" for name in dict.fromkeys([*more, *_attributes(tree, name)])))
        for title, name, more in (
            ("Exchange", "_exchange_span", shared),
            ("Attempt", "_attempt_span", shared),
            ("Attempt that calls a model, also", "_of_model", []),
        )
    ]
    yield _table(("Span", "Attributes"), rows)


def _attributes(tree: ast.Module, function: str) -> list[str]:
    """Return the attributes that a function sets, in their order."""
    body = next(n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function)
    found = []
    for node in ast.walk(body):
        keys: Iterable[ast.expr | None] = node.keys if isinstance(node, ast.Dict) else ()
        if isinstance(node, ast.Subscript) and isinstance(node.ctx, ast.Store):
            keys = [node.slice]
        found += [k.value for k in keys if isinstance(k, ast.Constant) and isinstance(k.value, str)]
    return found


def cloudwatch() -> Iterator[str]:
    """Yield the part about metrics as log lines, where the gateway has them."""
    if find_spec("sluicegate.telemetry.emf") is None:
        return
    yield "## Metrics as log lines"
    yield _prose(
        "With `emf` in the configuration, lines of standard output that CloudWatch takes "
        "for metrics (embedded metric format), by `Region`, and by `Route` or `Model` "
        "where one stands here."
    )
    told = import_module("sluicegate.telemetry.emf").TOLD
    rows = [
        (f"`{t.name}`", t.unit, f"`{t.family}`", f"`{t.label}` is `{t.pattern}`" if t.label else "",
         t.by.capitalize())
        for t in told
    ]  # fmt: skip
    yield _table(("Metric", "Unit", "Of", "Where", "By"), rows)


def _tree(path: str) -> ast.Module:
    return ast.parse((SOURCES / path).read_text())


def _prose(text: str) -> str:
    return fill(text, WIDTH, break_long_words=False, break_on_hyphens=False)


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines: list[Sequence[str]] = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


if __name__ == "__main__":
    main()
