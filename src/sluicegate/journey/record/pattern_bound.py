"""Which regular expressions of an operator may be run over what callers write.

Python's `re` tries ways to match one after the other, and some expressions have as many as one
likes ("catastrophic backtracking", OWASP: Regular expression Denial of Service). Here the ways that
an expression can go from one place of a text are counted from its parsed form, and so are the
characters that it looks at on all of them: what stands behind a repeat is looked at again for each
of its ways. One that has more than LIMIT or LOOKS is refused. Together with the bounded pieces of
`redaction` that bounds its time.
"""

from __future__ import annotations

import re
from typing import Any, Final

LIMIT: Final = 1200
"""Ways from one place: one repeat without bound, or some with."""
UNBOUNDED: Final = 1024
"""What a repeat without bound counts as: no piece is much longer."""
LOOKS: Final = 5000
"""Characters looked at from one place, at most: some 10 µs."""
LONGEST: Final = 256
"""Characters of an expression."""
REPEATS: Final = ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT")
PLAIN: Final = ("LITERAL", "NOT_LITERAL", "ANY", "IN", "AT")


def bounded(written: str) -> re.Pattern[str]:
    """Compile an expression. Raises ValueError for one that is faulty, empty or takes too long."""
    if len(written) > LONGEST:
        raise ValueError(f"is longer than {LONGEST} characters")
    try:
        pattern = re.compile(written)
        tree: Any = re._parser.parse(written)  # type: ignore[attr-defined]  # noqa: SLF001 - nothing public shows what was parsed
    except (re.error, RecursionError, OverflowError) as error:
        raise ValueError(f"is no regular expression: {error}") from None
    if tree.getwidth()[0] == 0:
        raise ValueError("matches an empty text")
    if _ways(tree) > LIMIT or _looks(tree) > LOOKS:
        raise ValueError("may take too long: bound its repeats, such as `{1,20}` in place of `+`")
    return pattern


def _ways(tree: Any) -> int:  # noqa: ANN401 - the parser's own form
    """Return how many ways there are to match; more than LIMIT may be any number above it."""
    ways = 1
    for operation, argument in tree:
        ways = min(LIMIT + 1, ways * _ways_of(str(operation), argument))
    return ways


def _ways_of(operation: str, argument: Any) -> int:  # noqa: ANN401 - same
    if operation in PLAIN:
        return 1
    if operation in REPEATS:
        least, most, inner = argument
        if _ways(inner) > 1 and most > 1:
            raise ValueError("may take too long: it has a repeat or a choice within a repeat")
        return int(min(int(most), UNBOUNDED) - min(int(least), UNBOUNDED) + 1) * _ways(inner)
    if operation == "BRANCH":
        return sum(map(_ways, argument[1]))
    if operation == "SUBPATTERN":
        return _ways(argument[3])
    if operation == "ATOMIC_GROUP":
        return _ways(argument)
    if operation in ("ASSERT", "ASSERT_NOT"):
        return _ways(argument[1])
    raise ValueError("refers to what it has found before, which may take too long")


def _looks(tree: Any) -> int:  # noqa: ANN401 - same
    """Return how many characters are looked at on all ways through what `_ways` has let pass."""
    looks, ways = 0, 1
    for operation, argument in tree:
        looks += ways * _looks_of(str(operation), argument)
        ways *= _ways_of(str(operation), argument)
    return looks


def _looks_of(operation: str, argument: Any) -> int:  # noqa: ANN401 - same
    if operation in REPEATS:
        _, most, inner = argument
        return int(min(int(most), UNBOUNDED)) * _looks(inner)
    if operation == "BRANCH":
        return sum(map(_looks, argument[1]))
    if operation == "SUBPATTERN":
        return _looks(argument[3])
    if operation == "ATOMIC_GROUP":
        return _looks(argument)
    if operation in ("ASSERT", "ASSERT_NOT"):
        return _looks(argument[1])
    return 1
