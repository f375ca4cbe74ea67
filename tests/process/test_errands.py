from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from sluicegate.model.ledger import BudgetWanted, Entry
from sluicegate.process import messages
from sluicegate.process.errands import Errands


class Post:
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        self.child: Any = SimpleNamespace()
        self.heard: list[messages.Message] = []

    def send(self, message: messages.Message) -> None:
        self.heard.append(message)


class World:
    def __init__(self) -> None:
        self.management, self.one, self.two = Post(), Post(), Post()
        self.told: list[messages.Message] = []
        self.errands = Errands(cast("Any", self.management))

    def take(self, post: Post, message: messages.AnyMessage) -> bool:
        return self.errands.take(cast("Any", post), message, self.told.append)


def test_an_answer_goes_to_the_worker_that_asked_under_its_own_number() -> None:
    world = World()
    assert world.take(world.one, messages.Seek(7, "sg_a_1"))
    assert world.take(world.two, messages.Seek(7, "sg_a_2"))
    first, second = cast("list[messages.Seek]", world.management.heard)
    assert (first.name, second.name) == ("sg_a_1", "sg_a_2")
    assert first.number != second.number
    world.take(world.management, messages.Sought(second.number, b"two", away=False))
    world.take(world.management, messages.Sought(first.number, None, away=True))
    assert world.one.heard == [messages.Sought(7, None, away=True)]
    assert world.two.heard == [messages.Sought(7, b"two", away=False)]


def test_questions_about_the_ledger_go_the_same_way() -> None:
    world = World()
    wanted, entry = BudgetWanted("p", "s", (), {}), Entry(id="w1")
    world.take(world.one, messages.Bring(7, wanted))
    world.take(world.two, messages.Book(7, [entry]))
    bring, book = cast("tuple[messages.Bring, messages.Book]", world.management.heard)
    assert (bring.wanted, book.entries) == (wanted, [entry])
    world.take(world.management, messages.Booked(book.number, 1, away=False))
    world.take(world.management, messages.Brought(bring.number, away=False))
    assert world.one.heard == [messages.Brought(7, away=False)]
    assert world.two.heard == [messages.Booked(7, 1, away=False)]


def test_who_asks_about_the_ledger_hears_that_management_is_away() -> None:
    world = World()
    world.take(world.one, messages.Bring(1, BudgetWanted("p", "s", (), {})))
    world.errands.abandon()
    world.management.child = None
    world.take(world.two, messages.Book(2, []))
    assert world.one.heard == [messages.Brought(1, away=True)]
    assert world.two.heard == [messages.Booked(2, 0, away=True)]


def test_without_management_a_question_is_answered_that_nobody_can_say() -> None:
    world = World()
    world.management.child = None
    world.take(world.one, messages.Seek(3, "sg_a_1"))
    assert world.one.heard == [messages.Sought(3, None, away=True)]
    assert world.management.heard == []


def test_the_end_of_management_answers_everyone_who_waits() -> None:
    world = World()
    world.take(world.one, messages.Seek(1, "sg_a_1"))
    world.errands.abandon()
    assert world.one.heard == [messages.Sought(1, None, away=True)]
    number = cast("messages.Seek", world.management.heard[0]).number
    world.take(world.management, messages.Sought(number, b"late", away=False))
    assert len(world.one.heard) == 1


def test_what_is_to_be_forgotten_is_told_to_all_workers_and_its_arrival_kept() -> None:
    world = World()
    forget = messages.Forget(["k"], [], [], everything=False, arrival=42)
    assert world.take(world.management, forget)
    assert world.told == [forget]
    assert world.errands.arrival == 42


def test_used_keys_go_to_management_and_anything_else_is_not_taken() -> None:
    world = World()
    used = messages.Used({"sg_a_1": 5})
    assert world.take(world.one, used)
    assert world.management.heard == [used]
    assert not world.take(world.one, messages.Beat())
