from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.process.held import Held
from sluicegate.store.contract import Change, Revision


def revision(
    name: str, stamp: int, content: bytes | None = b"{}", kind: str = "route", number: int = 0
) -> Revision:
    made = f"{stamp:08x}-{number:04x}"
    return Revision(made, kind, name, stamp, "a", content, None, None, "me", "", "create", stamp)


def test_the_newest_revision_of_a_name_is_held() -> None:
    held = Held()
    assert held.take([revision("a", 1, b"1"), revision("b", 1, b"2")])
    assert held.take([revision("a", 3, b"3")])
    assert not held.take([revision("a", 2, b"late")])
    assert held.contents() == {("route", "a"): b"3", ("route", "b"): b"2"}


def test_of_one_stamp_the_greater_id_wins_whichever_comes_first() -> None:
    one, other = revision("a", 1, b"1", number=1), revision("a", 1, b"2", number=2)
    for order in ([one, other], [other, one]):
        held = Held()
        held.take(order)
        assert held.contents() == {("route", "a"): b"2"}


def test_a_tombstone_hides_what_arrives_late_and_is_older() -> None:
    held = Held()
    held.take([revision("a", 5, None)])
    assert not held.take([revision("a", 4, b"4")])
    assert held.contents() == {}
    assert held.take([revision("a", 6, b"6")])
    assert held.contents() == {("route", "a"): b"6"}


def test_keys_and_consumers_are_not_held() -> None:
    held = Held()
    kinds = ("key", "consumer", "token")
    assert not held.take([revision("a", 1, kind=kind) for kind in kinds])
    assert held.revisions == []


def test_secrets_are_held_apart() -> None:
    held = Held()
    held.take([revision("s", 1, b"sealed", "secret"), revision("t", 1, None, "secret")])
    assert held.contents() == {}
    assert [secret.content for secret in held.secrets()] == [b"sealed"]


def test_changes_are_seen_in_contents_without_being_taken() -> None:
    held = Held()
    held.take([revision("a", 1, b"1"), revision("b", 1, b"2")])
    changes = [Change("route", "a", None), Change("plan", "p", b"3"), Change("key", "k", b"4")]
    assert held.contents(changes) == {("route", "b"): b"2", ("plan", "p"): b"3"}
    assert held.contents() == {("route", "a"): b"1", ("route", "b"): b"2"}


def test_what_was_held_is_replaced_whole() -> None:
    held = Held()
    held.take([revision("a", 9, b"1")])
    held.replace([revision("b", 1, b"2")])
    assert held.contents() == {("route", "b"): b"2"}


@given(st.permutations([(name, stamp) for name in "ab" for stamp in range(4)]))
def test_the_order_of_arrival_does_not_matter(order: list[tuple[str, int]]) -> None:
    held = Held()
    for name, stamp in order:
        held.take([revision(name, stamp, str(stamp).encode())])
    assert held.contents() == {("route", "a"): b"3", ("route", "b"): b"3"}
