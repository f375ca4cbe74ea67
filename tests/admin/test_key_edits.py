from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from sluicegate.admin.identity import Who
from sluicegate.admin.key_edits import KeyEdits, unnamed
from sluicegate.admin.problems import Invalid
from sluicegate.errors import Fault
from support.admin import Desk
from support.mock_clock import MockClock

NOWHERE: Any = None
ADMIN = Who("ann", "admin", None, "127.0.0.1")


def edits() -> KeyEdits:
    return KeyEdits(Desk(NOWHERE, NOWHERE), ADMIN, MockClock())


def test_a_new_key_does_not_show_itself() -> None:
    key = edits().new()
    assert key.name in repr(key)
    assert key.text not in repr(key)
    assert key.hash not in repr(key)
    assert key.text.startswith(key.name + "")
    assert key.name.startswith("sg_local_")


def test_an_overlap_is_counted_from_now() -> None:
    assert edits().end("90s") == datetime(2023, 11, 14, 22, 14, 50, tzinfo=UTC)
    assert edits().end("0") == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    for wrong in ("90", "soon", "-1s", "4000d"):
        with pytest.raises(Invalid):
            edits().end(wrong)


def test_what_is_no_time_is_no_expiry() -> None:
    expiry = edits().expiry
    assert expiry(b'{"expires":"2027-01-31T00:00:00Z"}') == datetime(2027, 1, 31, tzinfo=UTC)
    for other in (None, b"{}", b'{"expires":null}', b'{"expires":3}', b"[", b"[]"):
        assert expiry(other) is None


def test_faults_of_a_key_that_has_no_name_yet_begin_at_its_fields() -> None:
    with pytest.raises(Invalid) as caught, unnamed("sg_a_1"):
        raise Invalid([Fault("keys.sg_a_1.plan", 0, "x"), Fault("routes.a", 0, "y")])
    assert [fault.path for fault in caught.value.faults] == ["plan", "routes.a"]
