"""`FIELD=VALUE` of a command line, as a JSON merge patch (RFC 7396)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sluicegate.cli.exits import CommandFailed, Exit
from sluicegate.snapshot.places import place_of, written
from sluicegate.snapshot.source import read


def merge_patch(assignments: Sequence[str]) -> dict[str, Any]:
    """Return the patch. A field is dotted from the resource; a value is YAML; none is null.

    Raises CommandFailed for what is no assignment, and for two that are about the same field.
    """
    patch: dict[str, Any] = {}
    for each in assignments:
        field, equals, text = each.partition("=")
        place = place_of(field)
        if not equals or not place or written(place) != field:
            expected = "expected FIELD=VALUE, such as `plan=free` or `timeouts.connect=2s`"
            raise CommandFailed(Exit.USAGE, f"found `{each}`; {expected}")
        if any(isinstance(step, int) for step in place):
            message = (
                f"found `{field}`; a list is set whole, such as `targets=[http://a, http://b]`"
            )
            raise CommandFailed(Exit.USAGE, message)
        source = read(text.encode())
        if source.faults:
            raise CommandFailed(Exit.USAGE, f"{field}: {source.faults[0].message}")
        _put(patch, [str(step) for step in place], source.data, field)
    return patch


def _put(patch: dict[str, Any], steps: list[str], value: object, field: str) -> None:
    held: Any = patch
    for step in steps[:-1]:
        held = held.setdefault(step, {})
        if not isinstance(held, dict):
            break
    if not isinstance(held, dict) or steps[-1] in held:
        raise CommandFailed(Exit.USAGE, f"`{field}` is set twice")
    held[steps[-1]] = value
