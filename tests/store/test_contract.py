from __future__ import annotations

from sluicegate.store.contract import CONFIGURATION, FINAL, LOOKED_UP, Change, Stale


def test_a_kind_is_either_held_by_everyone_or_looked_up() -> None:
    assert not CONFIGURATION & LOOKED_UP
    assert FINAL <= LOOKED_UP


def test_what_is_stale_names_the_change_and_not_its_content() -> None:
    error = Stale(Change("route", "users", b'{"hidden":1}', "id"), None)
    assert "route users" in str(error)
    assert "hidden" not in str(error)
