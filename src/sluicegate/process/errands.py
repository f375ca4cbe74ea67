"""What workers ask management, carried by the supervisor: of stored keys, and of the ledger.

The number under which a worker asks is its own; on the way it gets one that no other worker has.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec.structs import replace

from sluicegate.process import messages

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.process.post import Post

    Question = messages.Seek | messages.Bring | messages.Book
    Answer = messages.Sought | messages.Brought | messages.Booked


class Errands:
    """Questions under way. `arrival` is up to where management has read the store's arrivals."""

    def __init__(self, management: Post) -> None:
        """Ask whoever is at that post."""
        self.arrival = 0
        self._management = management
        self._number = 0
        self._asked: dict[int, tuple[Post, Answer]] = {}

    def take(
        self, post: Post, message: messages.AnyMessage, tell: Callable[[messages.Message], None]
    ) -> bool:
        """Carry a message on, if it is one of these; says whether it was. `tell` is every worker's.

        Where management is away, a question is answered so.
        """
        match message:
            case messages.Used():
                self._management.send(message)
            case messages.Seek(number):
                self._ask(post, message, messages.Sought(number, None, away=True))
            case messages.Bring(number):
                self._ask(post, message, messages.Brought(number, away=True))
            case messages.Book(number):
                self._ask(post, message, messages.Booked(number, 0, away=True))
            case messages.Sought() | messages.Brought() | messages.Booked():
                self._answer(message)
            case messages.Forget():
                self.arrival = message.arrival
                tell(message)
            case _:
                return False
        return True

    def _ask(self, post: Post, question: Question, if_away: Answer) -> None:
        if self._management.child is None:
            post.send(if_away)
            return
        self._number += 1
        self._asked[self._number] = (post, if_away)
        self._management.send(replace(question, number=self._number))

    def _answer(self, answer: Answer) -> None:
        asked = self._asked.pop(answer.number, None)
        if asked is not None:
            post, if_away = asked
            post.send(replace(answer, number=if_away.number))

    def abandon(self) -> None:
        """Tell everyone who asked that nobody can say: management is gone."""
        asked, self._asked = self._asked, {}
        for post, if_away in asked.values():
            post.send(if_away)
