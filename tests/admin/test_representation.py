from __future__ import annotations

import msgspec

from sluicegate.admin.differences import Difference
from sluicegate.admin.representation import (
    Diff,
    ShownChange,
    declared,
    past,
    shown_change,
    spec_of,
    stored,
)
from support.stores import made


def test_hashes_and_secrets_are_in_nothing_that_is_shown() -> None:
    key = made("key", "sg_a_1", {"consumer": "acme", "hash": "main:0"})
    secret = made("secret", "s", {"sealed": "x"})
    token = made("token", "sga_a_1", {"role": "viewer", "hash": "main:0"})
    for revision in (key, secret, token):
        for shown in (stored(revision), past(revision)):
            text = msgspec.json.encode(shown)
            assert b"main:0" not in text
            assert b"sealed" not in text
    assert spec_of("key", key.content) == {"consumer": "acme"}
    assert shown_change("key", "k", b'{"hash":"a"}', b'{"hash":"b"}').diff == []


def test_a_hash_of_another_kind_is_shown() -> None:
    assert spec_of("service", b'{"balance":{"hash":"x"},"hash":1}') == {
        "balance": {"hash": "x"},
        "hash": 1,
    }


def test_a_change_is_called_by_what_it_does() -> None:
    assert shown_change("team", "a", None, b"{}") == ShownChange(
        "team", "a", "create", [Difference("", None, {})]
    )
    assert shown_change("team", "a", b"{}", b'{"plan":"p"}').action == "update"
    assert shown_change("team", "a", b"{}", None).action == "delete"


def test_what_is_of_the_file_has_no_revision() -> None:
    shown = declared("team", "a", {})
    assert (shown.source, shown.revision, shown.changed_at) == ("file", None, None)


def test_a_diff_is_from_and_to() -> None:
    assert msgspec.json.encode(Diff("a", "b", [])) == b'{"from":"a","to":"b","diff":[]}'
