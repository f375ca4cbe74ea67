"""Header fields: an ordered list of (name, value), names in lower case, both bytes.

HTTP/1.1 names carry no case (RFC 9110, section 5.1), HTTP/2 sends them in lower case, and so do we.
"""

from __future__ import annotations

from mypy_extensions import mypyc_attr


@mypyc_attr(native_class=False)
class Headers(list[tuple[bytes, bytes]]):
    """A list with look-ups. A name may occur more than once; order is kept."""

    __slots__ = ()

    def get(self, name: bytes) -> bytes | None:
        """Return the first value of `name` (lower case), or None."""
        for key, value in self:
            if key == name:
                return value
        return None

    def get_all(self, name: bytes) -> list[bytes]:
        """Return every value of `name`, in order."""
        return [value for key, value in self if key == name]

    def set(self, name: bytes, value: bytes) -> None:
        """Make `value` the only one of `name`."""
        self.remove(name)
        self.append((name, value))

    def remove(self, name: bytes) -> None:  # type: ignore[override]  # by name, never by pair
        """Drop every value of `name`."""
        for pair in self:  # most of what is removed is not there
            if pair[0] == name:
                self[:] = [pair for pair in self if pair[0] != name]
                return
