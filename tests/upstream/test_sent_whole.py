from __future__ import annotations

from sluicegate.headers import Headers
from sluicegate.upstream.sent_whole import SentWhole


class Noting(SentWhole):
    """A receiver that notes whatever it is told beyond what it does not care about."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def on_data(self, data: bytes) -> None:
        self.told.append(data)


def test_early_heads_and_full_sockets_are_no_matter_to_who_has_sent_all() -> None:
    receiver = Noting()
    receiver.on_informational(103, Headers([(b"link", b"</a>")]))
    receiver.on_writable(False)
    receiver.on_writable(True)
    receiver.on_data(b"x")
    assert receiver.told == [b"x"]
