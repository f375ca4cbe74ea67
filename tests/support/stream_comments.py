"""The comment behind a stream, in which the gateway says what it cost."""

from __future__ import annotations

import json
from typing import Any

MARK = b": sluicegate {"


def told(stream: bytes) -> tuple[bytes, dict[str, Any]]:
    """Return a stream as its provider sent it, and what the comment behind it says."""
    before, mark, said = stream.rpartition(MARK)
    assert mark, f"no comment behind {stream[-200:]!r}"
    assert said.endswith(b"}\n\n")
    found: dict[str, Any] = json.loads(b"{" + said)
    return before, found


def provided(stream: bytes) -> bytes:
    """Return a stream without that comment, which it must have."""
    return told(stream)[0]
