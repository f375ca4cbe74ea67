"""What a PromQL query names: metrics, and the labels that it selects or groups by.

    named("sum by (route) (rate(sluicegate_requests_total{status=~\"5..\"}[5m]))")
    # [Selected("sluicegate_requests_total", {"status"})], {"route"}

No parser: Prometheus is one, and `promtool.parsed` asks it. This reads the words, by
https://prometheus.io/docs/prometheus/latest/querying/basics/ and …/operators/.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""
    (?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)
    | (?P<name>[a-zA-Z_:][a-zA-Z0-9_:]*)
    | (?P<number>[0-9][0-9a-zA-Z_.]*)
    | (?P<mark>\$\w+|=~|!~|!=|==|>=|<=|[^\s])
    """,
    re.VERBOSE,
)
GROUPING = frozenset(("by", "without", "on", "ignoring", "group_left", "group_right"))
"""Words that a list of labels may follow."""
WORDS = GROUPING | {"and", "or", "unless", "bool", "offset", "atan2", "start", "end", "inf", "nan"}
SERIES_OF = {"_bucket": {"le"}, "_sum": set(), "_count": set()}
"""What a histogram is exposed as, and the labels that its series have beside its own."""


@dataclass
class Selected:
    """One selector: the metric, and the labels that are compared."""

    metric: str
    labels: set[str] = field(default_factory=set)


def named(query: str) -> tuple[list[Selected], set[str]]:
    """Return the selectors of a query, and the labels that it groups or matches by."""
    tokens = [(match.lastgroup or "", match.group()) for match in TOKEN.finditer(query)]
    selected: list[Selected] = []
    grouped: set[str] = set()
    made = set(_made(tokens))
    at = 0
    while at < len(tokens):
        kind, text = tokens[at]
        after = tokens[at + 1][1] if at + 1 < len(tokens) else ""
        at += 1
        if text == "[":  # a range is no name
            at = _past(tokens, at, "]")
        elif kind != "name":
            continue
        elif text in GROUPING and after == "(":
            end = _past(tokens, at + 1, ")")
            grouped |= {word for sort, word in tokens[at + 1 : end] if sort == "name"}
            at = end
        elif text.lower() in WORDS or text in GROUPING or after == "(" or _aggregates(tokens, at):
            continue
        elif after == "{":
            end = _past(tokens, at + 1, "}")
            inside = tokens[at + 1 : end]
            labels = {word for sort, word in inside if sort == "name"}
            selected.append(Selected(text, labels))
            at = end
        else:
            selected.append(Selected(text))
    return selected, grouped - made


def _aggregates(tokens: list[tuple[str, str]], at: int) -> bool:
    """Say whether what stands before `at` is an operator as in `sum by (…) (…)`."""
    return tokens[at : at + 1] in ([("name", "by")], [("name", "without")])


def _past(tokens: list[tuple[str, str]], at: int, mark: str) -> int:
    while at < len(tokens) and tokens[at] != ("mark", mark):
        at += 1
    return at + 1


def _made(tokens: list[tuple[str, str]]) -> Iterator[str]:
    """Give the labels that the query makes itself."""
    for at, (_, text) in enumerate(tokens):
        if text in {"label_replace", "label_join"}:
            yield next(word for sort, word in tokens[at:] if sort == "text").strip("\"'`")


def family_of(series: str, families: dict[str, set[str]]) -> tuple[str, set[str]] | None:
    """Return the family that a series belongs to, and its labels; None where it is of none.

    `families` are names and their labels, as declared.
    """
    if series in families:
        return series, families[series]
    for suffix, more in SERIES_OF.items():
        name = series.removesuffix(suffix)
        if name != series and name in families:
            return name, families[name] | more
    return None
