"""JSON Merge Patch (RFC 7396): a change of a resource, written as the part of it that changes."""

from __future__ import annotations

from typing import Any, Final

MEDIA_TYPE: Final = "application/merge-patch+json"


def merged(target: Any, patch: Any) -> Any:  # noqa: ANN401 - any JSON
    """Return `target` with `patch` over it (RFC 7396, section 2); neither is changed.

    A null takes a member out; what is no object replaces what was there, lists too.
    """
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
