"""A receiver whose request was in memory, and sent whole."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sluicegate.headers import Headers


class SentWhole:
    """What a `Receiver` does not care about then."""

    __slots__ = ()

    def on_informational(self, status: int, headers: Headers) -> None:
        """Take no notice: a 1xx is between the target and us."""

    def on_writable(self, writable: bool) -> None:  # noqa: FBT001 - a state, not an option
        """Take no notice: nobody waits with the rest of the request."""
