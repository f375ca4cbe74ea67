"""`sluicegate reference`: writes `docs/reference/`, which is drawn from the sources.

A page is a pure function of what it describes; a test compares the committed files with these.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import typer
from msgspec import NODEFAULT, inspect

from sluicegate.cli.declared import families
from sluicegate.cli.schema import default_of, is_policy_use, render, summary
from sluicegate.errors import PROBLEMS, Problem
from sluicegate.journey import STAGES
from sluicegate.model.units import Size
from sluicegate.snapshot.document import Document
from sluicegate.snapshot.faults import LISTS, bare
from sluicegate.snapshot.overrides import variables
from sluicegate.snapshot.policies import PolicyCatalog

if TYPE_CHECKING:
    from sluicegate.metrics import Family

GENERATED = "<!-- Written by `sluicegate reference`; edit the sources it is drawn from. -->"
NOTATION = (
    "Durations are written `250ms`, `3s`, `2m`, `1h`, `7d` or `0`; sizes `512`, `64KiB`, `10MB`. "
    "Any text may hold references, `${env:NAME}` and `${file:/path}`; a plain `${` is written "
    "`$${`. Relative paths start at the file's own folder. A setting can also come from the "
    "variable named with it, which wins over the file; its value is read as YAML."
)
USE = (
    "A policy is used by its name, in `policies` of a route, of a plan, or at the top for every "
    "route: `policies: [{cors: {}}]`. The stage it belongs to decides when it runs."
)
ANSWERS = (
    "Every answer of the gateway's own is `application/problem+json` (RFC 9457). `type` is stable; "
    "`detail` is for people. Status 499 is never sent: it stands in logs and metrics."
)
_WORDS: dict[type[inspect.Type], str] = {
    inspect.BoolType: "boolean",
    inspect.IntType: "whole number",
    inspect.FloatType: "number",
    inspect.StrType: "text",
    inspect.AnyType: "anything",
}


def reference(
    out: Annotated[Path, typer.Option(help="Folder to write to.")] = Path("docs/reference"),
) -> None:
    """Write the reference pages and the JSON Schema."""
    out.mkdir(parents=True, exist_ok=True)
    for name, text in pages(PolicyCatalog(third_party=())).items():
        (out / name).write_text(text)
        typer.echo(out / name)


def pages(catalog: PolicyCatalog) -> dict[str, str]:
    """Return every page by its file name."""
    return {
        "application.schema.json": render(catalog),
        "configuration.md": configuration(),
        "metrics.md": metrics(families()),
        "policies.md": policies(catalog),
        "problems.md": problems(PROBLEMS),
    }


def configuration() -> str:
    """Draw the page about `application.yml`."""
    named = {variable.place: name for name, variable in variables().items()}
    lines = [
        "# Configuration",
        GENERATED,
        summary(Document.__doc__ or ""),
        NOTATION,
    ]
    for title, kind in _groups("", inspect.type_info(Document)):
        if title:
            lines += [f"## `{title}`", summary(kind.cls.__doc__ or "")]
        rows = []
        for field in kind.fields:
            path = f"{title}.{field.encode_name}" if title else field.encode_name
            variable = named.get(tuple(path.split(".")))
            meaning = _meaning(field.type) + (f" `{variable}`" if variable else "")
            rows.append(
                (f"`{field.encode_name}`", type_words(field.type), _default(field), meaning)
            )
        lines.append(_table(("Field", "Type", "Default", "Meaning"), rows))
    return "\n\n".join(lines) + "\n"


def policies(catalog: PolicyCatalog) -> str:
    """Draw the page about the policies, in the order of the stages."""
    kinds = [catalog.find(name) for name in catalog.names()]
    lines = [
        "# Policies",
        GENERATED,
        USE,
    ]
    for stage in STAGES:
        for kind in (k for k in kinds if k.stage == stage):
            lines += [f"## `{kind.name}`", f"Stage: `{stage}`.", _after_name(kind.meaning)]
            for title, struct in _groups("", inspect.type_info(kind.config)):
                if title:
                    lines += [f"### `{kind.name}.{title}`", summary(struct.cls.__doc__ or "")]
                rows = [
                    (f"`{f.encode_name}`", type_words(f.type), _default(f), _meaning(f.type))
                    for f in struct.fields
                ]
                lines.append(
                    _table(("Field", "Type", "Default", "Meaning"), rows) or "It has no settings."
                )
    return "\n\n".join(lines) + "\n"


def problems(known: Iterable[Problem]) -> str:
    """Draw the page about the answers that the gateway gives itself."""
    lines = [
        "# Problems",
        GENERATED,
        ANSWERS,
    ]
    rows = [(f"`{p.type}`", str(p.status), p.title) for p in known]
    return "\n\n".join([*lines, _table(("Type", "Status", "Title"), rows)]) + "\n"


def metrics(declared: Iterable[Family]) -> str:
    """Draw the page about the metrics, from the declared families."""
    rows = [
        (f"`{f.name}`", f.kind, ", ".join(f"`{label}`" for label in f.labels), f.meaning)
        for f in sorted(declared, key=lambda f: f.name)
    ]
    lines = ["# Metrics", GENERATED, "Found at `/actuator/prometheus` on the management port."]
    return "\n\n".join([*lines, _table(("Name", "Kind", "Labels", "Meaning"), rows)]) + "\n"


def type_words(kind: inspect.Type) -> str:
    """Say in a few words what a field takes."""
    kind = bare(kind)
    if is_policy_use(kind):
        return "policy"
    if isinstance(kind, inspect.UnionType):
        members = [bare(m) for m in kind.types]
        words = [type_words(m) for m in members if not isinstance(m, inspect.NoneType)]
        return " or ".join(dict.fromkeys(words))
    if isinstance(kind, inspect.LiteralType):
        return " or ".join(f"`{value}`" for value in kind.values)
    if isinstance(kind, LISTS):
        return f"list of {type_words(kind.item_type)}"
    if isinstance(kind, inspect.DictType):
        return f"mapping of {type_words(kind.value_type)}"
    named = kind.cls.__name__.lower() if isinstance(kind, inspect.CustomType) else "group"
    return _WORDS.get(type(kind), named) + _bounds(kind)


def _bounds(kind: inspect.Type) -> str:
    if not isinstance(kind, inspect.IntType | inspect.FloatType):
        return ""
    if kind.ge is not None and kind.le is not None:
        return f", {kind.ge} to {kind.le}"
    return f", {kind.ge} or more" if kind.ge is not None else ""


def _groups(title: str, kind: inspect.Type) -> Iterator[tuple[str, inspect.StructType]]:
    """Give a struct and every struct in it, with their paths: `services.<name>.targets[]`."""
    if not isinstance(kind, inspect.StructType):
        return
    yield title, kind
    for field in kind.fields:
        path = f"{title}.{field.encode_name}" if title else field.encode_name
        yield from _inner(path, field.type)


def _inner(path: str, kind: inspect.Type) -> Iterator[tuple[str, inspect.StructType]]:
    kind = bare(kind)
    if isinstance(kind, inspect.UnionType):
        for member in kind.types:
            yield from _inner(path, member)
    elif isinstance(kind, LISTS):
        yield from _inner(path + "[]", kind.item_type)
    elif isinstance(kind, inspect.DictType):
        yield from _inner(path + ".<name>", kind.value_type)
    else:
        yield from _groups(path, kind)


def _after_name(text: str) -> str:
    """Take the name off a policy's docstring: "`cors`: lets …" becomes "Lets …"."""
    rest = text.partition(": ")[2] or text
    return rest[:1].upper() + rest[1:]


def _meaning(kind: inspect.Type) -> str:
    described = kind.extra_json_schema if isinstance(kind, inspect.Metadata) else None
    found = (described or {}).get("description")
    plain = bare(kind)
    if found is None and isinstance(plain, inspect.StructType):
        return summary(plain.cls.__doc__ or "")
    return str(found or "")


def _default(field: inspect.Field) -> str:
    if field.required:
        return "required"
    value: Any = default_of(field)
    if value is NODEFAULT or value is None:
        return ""
    kind = bare(field.type)
    if isinstance(kind, inspect.StructType):
        return ""
    if isinstance(kind, inspect.CustomType) and kind.cls is Size:
        value = Size(value).written()
    text = value if isinstance(value, str) and value else msgspec.json.encode(value).decode()
    return f"`{text}`"


def _table(heads: tuple[str, ...], rows: Sequence[Sequence[str]]) -> str:
    if not rows:
        return ""
    cells = [[cell.replace("|", "\\|") for cell in row] for row in rows]
    lines: list[Sequence[str]] = [heads, ["---"] * len(heads), *cells]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)
