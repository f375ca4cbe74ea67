"""What workers ask management, carried by the supervisor: whose a stored key is.

The number under which a worker asks is its own; on the way it gets one that no other worker has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.process import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.process.post import Post


class Errands:
    """Questions under way. `arrival` is up to where management has read the store's arrivals."""

    def __init__(self, management: Post) -> None:
        """Ask whoever is at that post."""
        self.arrival = 0
        self._management = management
        self._number = 0
        self._asked: dict[int, tuple[Post | None, int]] = {}

    def take(
        self, post: Post, message: messages.AnyMessage, tell: Callable[[messages.Message], None]
    ) -> bool:
        """Carry a message on, if it is one of these; says whether it was. `tell` is every worker's.

        Where management is away, a question is answered so.
        """
        match message:
            case messages.Used():
                self._management.send(message)
            case messages.Seek(number, name):
                self._ask(post, number, name)
            case messages.Sought(number, found, away):
                asker, own = self._asked.pop(number, (None, 0))
                if asker is not None:
                    asker.send(messages.Sought(own, found, away))
            case messages.Forget():
                self.arrival = message.arrival
                tell(message)
            case _:
                return False
        return True

    def _ask(self, post: Post, number: int, name: str) -> None:
        if self._management.child is None:
            post.send(messages.Sought(number, None, away=True))
            return
        self._number += 1
        self._asked[self._number] = (post, number)
        self._management.send(messages.Seek(self._number, name))

    def abandon(self) -> None:
        """Tell everyone who asked that nobody can say: management is gone."""
        asked, self._asked = self._asked, {}
        for post, number in asked.values():
            assert post is not None  # noqa: S101 - narrows the type
            post.send(messages.Sought(number, None, away=True))
