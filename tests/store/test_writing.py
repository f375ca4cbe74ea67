"""What changes become, and which are refused, before anything is written."""

from __future__ import annotations

import msgspec
import pytest

from sluicegate.store.contract import ABSENT, Author, Change, ClockBehind, Revision, Revoked, Stale
from sluicegate.store.uuid7 import Uuid7
from sluicegate.store.writing import (
    NAME_BYTES,
    make_revisions,
    refuse,
    refuse_unkept,
    row_of,
)
from support.mock_clock import EPOCH_US
from support.stores import ANN, change, made

NOW = (EPOCH_US // 1000) << 16


def make(changes: list[Change], *heads: Revision) -> list[Revision]:
    return make_revisions(
        changes,
        {(head.kind, head.name): head for head in heads},
        ANN,
        region="eu",
        ids=Uuid7(),
        wall_us=EPOCH_US,
    )


def test_a_revision_says_who_what_where_and_when() -> None:
    asked = change("key", "k", {"consumer": "c", "plan": "p"})
    [found] = make([asked])
    assert found == Revision(
        id=found.id, kind="key", name="k", stamp=NOW, region="eu", content=asked.content,
        owner="c", plan="p", actor="ann", via="127.0.0.1", action="create", at_us=EPOCH_US,
    )  # fmt: skip


def test_the_second_change_of_a_name_follows_the_first() -> None:
    first, second = make([change("plan", "p", {}), change("plan", "p", None)])
    assert second.stamp == first.stamp + 1
    assert second.id > first.id
    with pytest.raises(Revoked):
        make([change("key", "k", None), change("key", "k", {})])
    with pytest.raises(Stale):
        make([change("plan", "p", {}), change("plan", "p", {}, ABSENT)])


def test_what_replaces_is_newer_than_what_it_replaces() -> None:
    there = made("plan", "p", {}, stamp=NOW + 77)
    assert make([change("plan", "p", {})], there)[0].stamp == NOW + 78
    far = made("plan", "p", {}, stamp=NOW + (61_000 << 16))
    with pytest.raises(ClockBehind):
        make([change("plan", "p", {})], far)


@pytest.mark.parametrize(
    ("expected", "there", "fits"),
    [
        (None, None, True),
        (None, {}, True),
        (ABSENT, None, True),
        (ABSENT, {}, False),
        ("the-id", {}, True),
        ("another", {}, False),
        ("the-id", None, False),
        ("", {}, False),
    ],
)
def test_a_change_fits_what_it_expects(
    expected: str | None,
    there: dict[str, str] | None,
    fits: bool,  # noqa: FBT001 - a table
) -> None:
    newest = None if there is None else made("plan", "p", there, id="the-id")
    asked = change("plan", "p", {}, expected)
    if fits:
        refuse(asked, newest)
    else:
        with pytest.raises(Stale) as refused:
            refuse(asked, newest)
        assert (refused.value.change, refused.value.newest) == (asked, newest)


def test_a_tombstone_counts_as_absent_but_for_keys_and_tokens() -> None:
    refuse(change("plan", "p", {}, ABSENT), made("plan", "p", None))
    for kind in ("key", "token"):
        for spec in ({}, None):
            with pytest.raises(Revoked):
                refuse(change(kind, "k", spec), made(kind, "k", None))


def test_what_no_server_could_keep_is_refused() -> None:
    fits = "ä" * (NAME_BYTES // 2)
    refuse_unkept([Change("route", fits, None)], ANN)
    for asked in (
        Change("route", "a\0", None),
        Change("route", "a", b"{}", owner="\ud800"),
        Change("route", "a", b"{}", plan="\0"),
    ):
        with pytest.raises(ValueError, match="no character"):
            refuse_unkept([asked], ANN)
    with pytest.raises(ValueError, match="longer than 1000 bytes"):
        refuse_unkept([Change("route", fits + "a", None)], ANN)
    with pytest.raises(ValueError, match="author"):
        refuse_unkept([], Author("a\0", "here", "create"))


def test_a_row_has_the_columns_of_its_table() -> None:
    row = row_of(made("route", "r", {"path": "/ä"}))
    assert row["content"] == '{"path":"/ä"}'
    assert "arrival" not in row
    assert row_of(made("route", "r", None))["content"] is None


def test_a_key_can_be_revoked_however_far_behind_our_clock_is() -> None:
    head = make([change("key", "k", {"consumer": "c"})])[0]
    ahead = msgspec.structs.replace(head, stamp=NOW + (3_600_000 << 16))
    [gone] = make([change("key", "k", None)], ahead)
    assert gone.content is None
    with pytest.raises(ClockBehind):
        make([change("key", "k", {"consumer": "c"})], ahead)
