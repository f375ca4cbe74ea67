from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.units import Duration
from sluicegate.process.messages import Begin, Drop, End, Put
from sluicegate.process.transfer import (
    Inbox,
    frames,
    pack_settings,
    services_of,
    unpack_settings,
)
from sluicegate.settings import Drain, Gateway, Http, Settings
from sluicegate.snapshot.document import Kind, Resources

KINDS: tuple[Kind, ...] = ("route", "service", "plan")
ITEMS = st.dictionaries(
    st.tuples(st.sampled_from(KINDS), st.text("ab", max_size=2)), st.binary(max_size=3)
)


@given(st.lists(ITEMS, min_size=1, max_size=5))
def test_the_receiver_ends_with_what_the_sender_has(
    contents: list[dict[tuple[Kind, str], bytes]],
) -> None:
    inbox, previous = Inbox(), None
    for items in contents:
        wanted = Resources.of(items)
        received = [inbox.take(message) for message in frames(previous, wanted, 1)]
        assert received[-1] == wanted
        assert received[:-1] == [None] * (len(received) - 1)
        previous = wanted


def test_only_what_changed_is_sent() -> None:
    before = Resources.of({("route", "a"): b"1", ("route", "b"): b"2", ("route", "c"): b"3"})
    after = Resources.of({("route", "a"): b"1", ("route", "b"): b"x", ("plan", "d"): b"4"})
    assert list(frames(before, after, 7)) == [
        Begin(after.revision, whole=False),
        Put("route", "b", b"x"),
        Put("plan", "d", b"4"),
        Drop("route", "c"),
        End(7),
    ]


def test_what_was_given_out_does_not_change_with_the_next_transfer() -> None:
    first, second = Resources.of({("route", "a"): b"1"}), Resources.of({})
    inbox = Inbox()
    kept = [inbox.take(message) for message in frames(None, first, 1)][-1]
    for message in frames(first, second, 2):
        inbox.take(message)
    assert kept is not None
    assert kept.items == {("route", "a"): b"1"}


def test_settings_arrive_as_they_were() -> None:
    settings = Settings(
        gateway=Gateway(
            workers=4,
            drain=Drain(grace=Duration(0.25)),
            http=Http(header_timeout=Duration(1.5)),
        )
    )
    assert unpack_settings(pack_settings(settings)) == settings


def test_services_can_be_sent_alone_and_keep_the_name_of_the_revision() -> None:
    whole = Resources.of({("route", "a"): b"1", ("service", "a"): b"2", ("plan", "a"): b"3"})
    services = services_of(whole)
    assert services.items == {("service", "a"): b"2"}
    assert services.revision == whole.revision
