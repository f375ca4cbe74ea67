"""A StatefulSet starts in order, updates from the top, and never two at once."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rehearsal.stateful import Member, Turn, claims, pod_template, revision_of, turn

OLD, NEW = "v-1", "v-2"


def test_members_start_one_after_the_other() -> None:
    spec = {"replicas": 3}
    assert turn(spec, [], NEW) == Turn(create=(0,))
    assert turn(spec, [Member(0, NEW, available=False)], NEW) == Turn()
    assert turn(spec, [Member(0, NEW)], NEW) == Turn(create=(1,))


def test_parallel_members_start_at_once() -> None:
    spec = {"replicas": 3, "podManagementPolicy": "Parallel"}
    assert turn(spec, [Member(1, NEW, available=False)], NEW) == Turn(create=(0, 2))


def test_a_failed_member_is_replaced_in_its_place() -> None:
    members = [Member(0, NEW), Member(1, NEW, available=False, failed=True), Member(2, NEW)]
    assert turn({"replicas": 3}, members, NEW) == Turn(delete=(1,))
    assert turn({"replicas": 3}, [members[0], members[2]], NEW) == Turn(create=(1,))


def test_the_highest_leaves_first_and_alone() -> None:
    members = [Member(n, NEW) for n in range(4)]
    assert turn({"replicas": 2}, members, NEW) == Turn(delete=(3,))
    leaving = [*members[:3], Member(3, NEW, available=False, ending=True)]
    assert turn({"replicas": 2}, leaving, NEW) == Turn()


def test_an_update_goes_from_the_top_and_waits_for_each() -> None:
    spec = {"replicas": 3}
    assert turn(spec, [Member(n, OLD) for n in range(3)], NEW) == Turn(delete=(2,))
    fresh = Member(2, NEW, available=False)
    assert turn(spec, [Member(0, OLD), Member(1, OLD), fresh], NEW) == Turn()
    assert turn(spec, [Member(0, OLD), Member(1, OLD), Member(2, NEW)], NEW) == Turn(delete=(1,))
    by_hand = {**spec, "updateStrategy": {"type": "OnDelete"}}
    assert turn(by_hand, [Member(n, OLD) for n in range(3)], NEW) == Turn()


@given(
    st.integers(0, 5),
    st.sampled_from(["OrderedReady", "Parallel"]),
    st.lists(st.integers(0, 4), max_size=60),
)
def test_an_update_takes_no_more_than_one_available_member_away_and_ends(
    replicas: int, policy: str, luck: list[int]
) -> None:
    spec = {"replicas": replicas, "podManagementPolicy": policy}
    held = {n: Member(n, OLD) for n in range(replicas)}
    for ready in luck + list(range(5)) * 12:
        now = turn(spec, list(held.values()), NEW)
        for ordinal in now.delete:
            del held[ordinal]
        for ordinal in now.create:
            held[ordinal] = Member(ordinal, NEW, available=False)
        assert sum(member.available for member in held.values()) >= replicas - 1
        if ready in held:
            held[ready] = Member(ready, held[ready].revision)
    assert {(n, each.revision) for n, each in held.items()} == {(n, NEW) for n in range(replicas)}


def test_a_partition_is_refused() -> None:
    spec = {"replicas": 1, "updateStrategy": {"rollingUpdate": {"partition": 1}}}
    with pytest.raises(ValueError, match="partition"):
        turn(spec, [Member(0, OLD)], NEW)


def test_a_member_has_a_name_a_host_name_and_claims_of_its_own() -> None:
    manifest: dict[str, Any] = {
        "metadata": {"name": "valkey"},
        "spec": {
            "serviceName": "valkey",
            "template": {"metadata": {"labels": {"app": "valkey"}}, "spec": {"containers": []}},
            "volumeClaimTemplates": [{"metadata": {"name": "data"}, "spec": {"accessModes": []}}],
        },
    }
    template = pod_template(manifest, 2)
    assert (template["spec"]["hostname"], template["spec"]["subdomain"]) == ("valkey-2", "valkey")
    assert template["spec"]["volumes"] == [
        {"name": "data", "persistentVolumeClaim": {"claimName": "data-valkey-2"}}
    ]
    assert template["metadata"]["labels"]["apps.kubernetes.io/pod-index"] == "2"
    assert [claim["metadata"]["name"] for claim in claims(manifest, 2)] == ["data-valkey-2"]
    assert revision_of(manifest).startswith("valkey-")
