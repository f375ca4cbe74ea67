from __future__ import annotations

from sluicegate.admin.answers import changed, location, read
from sluicegate.admin.changes import Made, Planned
from sluicegate.admin.representation import declared, stored
from support.stores import made

BEFORE = made("team", "a", {})
AFTER = made("team", "a", {"plan": "p"})
GONE = made("team", "a", None)


def test_a_location_keeps_a_name_in_one_piece() -> None:
    assert location("route", "a/b c?#%") == "/admin/v1/routes/a%2Fb%20c%3F%23%25"
    assert location("policies", "") == "/admin/v1/policies"


def test_what_is_stored_has_a_tag_and_what_is_of_the_file_none() -> None:
    assert read(stored(BEFORE)).headers["etag"] == f'"{BEFORE.id}"'
    assert "etag" not in read(declared("team", "a", {})).headers


def test_the_status_says_what_was_done() -> None:
    item = ("team", "a")
    create = Made([Planned("team", "a", None, AFTER.content)], {item: AFTER})
    answer = changed(create, "team", "a", dry_run=False)
    assert (answer.status_code, answer.headers["location"]) == (201, "/admin/v1/teams/a")
    update = Made([Planned("team", "a", BEFORE, AFTER.content)], {item: AFTER})
    answer = changed(update, "team", "a", dry_run=False)
    assert (answer.status_code, answer.headers["etag"]) == (200, f'"{AFTER.id}"')
    same = changed(Made((), {item: BEFORE}), "team", "a", dry_run=False)
    assert (same.status_code, same.headers["etag"]) == (200, f'"{BEFORE.id}"')
    delete = Made([Planned("team", "a", BEFORE, None)], {item: GONE})
    assert changed(delete, "team", "a", dry_run=False).status_code == 204
    assert changed(delete, "team", "a", dry_run=True).status_code == 200
