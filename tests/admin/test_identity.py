from __future__ import annotations

import pytest

from sluicegate.admin.identity import Who, may, require
from sluicegate.errors import Refused

VIEWER = Who("sga_local_abc", "viewer", None, "192.0.2.1")
OF_RED = Who("sga_local_def", "operator", "red", "192.0.2.1")


def test_the_history_says_who_and_from_where() -> None:
    author = VIEWER.author("patch")
    assert (author.actor, author.via, author.action) == ("sga_local_abc", "192.0.2.1", "patch")


def test_what_belongs_to_other_teams_does_not_exist_for_a_token_of_a_team() -> None:
    assert [OF_RED.sees(team) for team in ("red", "blue", None)] == [True, False, False]
    assert [VIEWER.sees(team) for team in ("red", None)] == [True, True]
    assert (OF_RED.teams, VIEWER.teams) == (["red"], None)


def test_who_may_not_is_told_what_and_why() -> None:
    assert may(VIEWER, "read", "route")
    with pytest.raises(Refused, match="role viewer may not write this: route") as refused:
        require(VIEWER, "write", "route")
    assert refused.value.problem.status == 403
    with pytest.raises(Refused, match="of the team red"):
        require(OF_RED, "read", "route")
