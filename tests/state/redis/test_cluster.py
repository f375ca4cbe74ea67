"""A real Cluster of three primaries, the first two with a replica: slots move, nodes die."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count
from pathlib import Path

import hiredis
import pytest
from redis.crc import key_slot

from sluicegate.errors import StateAway
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.redis.cluster import ClusterNodes
from sluicegate.state.redis.resp import Trouble
from support.counting import AGE_US, MANY, Counting, counting
from support.ports import eventually, free_port
from support.valkey import Valkey
from support.valkey_cluster import Cluster, cluster

FAILOVER_S = 60
"""A Cluster takes 5, and 12 more where an election failed; the machine is shared."""
PEOPLE = [f"person-{number}" for number in range(60)]
"""Enough to be found in every node's slots."""


@pytest.fixture(scope="module")
def nodes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    # A busy machine is no node that is down: each failover that is not meant is a loss.
    with cluster(tmp_path_factory.mktemp("cluster"), 3, 1, timeout_ms=3000) as running:
        yield running


@pytest.fixture
def state(nodes: Cluster) -> Iterator[Counting]:
    eventually(nodes.agrees, "the nodes agree", within_s=FAILOVER_S)
    with counting(nodes.url) as at:
        eventually(lambda: at.takes(*PEOPLE), "the state is there", within_s=FAILOVER_S)
        yield at


def slot(person: str) -> int:
    return key_slot(b"{%b}" % person.encode())


def owner(nodes: Cluster, person: str) -> Valkey:
    return nodes.owner(b"{%b}" % person.encode())


def apart(nodes: Cluster) -> tuple[str, str]:
    """Return two people who are counted by different nodes."""
    first = PEOPLE[0]
    return first, next(p for p in PEOPLE if owner(nodes, p) is not owner(nodes, first))


def asked(state: Counting, person: str) -> int:
    """Return the port that calls for `person` go to."""
    return int(state.state._nodes.node_for(person.encode()).name.rpartition(":")[2])


def other_primary(nodes: Cluster, person: str) -> Valkey:
    here = owner(nodes, person)
    return next(at for at in (owner(nodes, p) for p in PEOPLE) if at is not here)


def test_marks_are_left_with_one_node_and_found_there(state: Counting) -> None:
    state.call(state.state.mark({"a": 60_000, "b": 60_000}))
    lives = state.call(state.state.marks(["a", "c", "b"]))
    assert [life_ms > 0 for life_ms in lives] == [True, False, True]


def test_each_subject_is_counted_by_the_node_that_has_its_slot(
    nodes: Cluster, state: Counting
) -> None:
    for person in PEOPLE:
        assert asked(state, person) == owner(nodes, person).port
    assert len({asked(state, person) for person in PEOPLE}) == 3


def test_one_node_of_those_written_is_enough(nodes: Cluster) -> None:
    alive = next(node for node in nodes.nodes if node.running)
    url = f"redis+cluster://127.0.0.1:{free_port()},127.0.0.1:{alive.port}"
    with counting(url) as state:
        assert state.takes(*PEOPLE)


def test_a_user_needs_the_map_and_asking_besides_what_one_server_asks_for(nodes: Cluster) -> None:
    rights = "~sg:* -@all +@connection +@scripting +@read +@write +time +cluster|slots +asking"
    for node in nodes.nodes:
        node.client().execute_command(f"ACL SETUSER gateway on >secret {rights}")
    with counting(nodes.url, username="gateway", password="secret") as state:
        person = PEOPLE[7]
        to = other_primary(nodes, person)
        nodes.begin_move(slot(person), to)
        assert state.takes(*PEOPLE)
        nodes.finish_move(slot(person), to)
        assert state.takes(*PEOPLE)


def test_nodes_that_cannot_be_reached_are_said_once() -> None:
    one, two = free_port(), free_port()
    with counting(f"redis+cluster://127.0.0.1:{one},127.0.0.1:{two}") as state:
        nodes = state.state._nodes
        assert isinstance(nodes, ClusterNodes)
        for _ in range(3):
            state.call(nodes._look())
        (reason,) = state.said("state_away", "cluster")
        assert reason.count("no connection: ") == 2
        assert str(one) in reason
        assert str(two) in reason
        assert state.counted("sluicegate_state_up") == 0


def test_a_server_that_is_in_no_cluster_is_said(tmp_path: Path) -> None:
    with Valkey(tmp_path) as alone, counting(f"redis+cluster://127.0.0.1:{alone.port}") as state:
        assert state.said("state_away", "cluster") == ["it answered ERR to CLUSTER SLOTS"]
        assert state.counted("sluicegate_state_up") == 0


def test_a_user_who_may_not_ask_for_the_map_is_said_until_that_is_mended(nodes: Cluster) -> None:
    def allow(rights: str) -> None:
        for node in nodes.nodes:
            node.client().execute_command(f"ACL SETUSER blind {rights}")

    with counting(nodes.url, username="blind", password="hidden-one") as state:
        assert state.said("state_away", "cluster") == ["the server refuses our user or password"]
        allow("on >hidden-one ~sg:* +@all -cluster|slots")
        refused = "it answered NOPERM to CLUSTER SLOTS"
        eventually(lambda: refused in state.said("state_away", "cluster"), "it is said")
        assert state.counted("sluicegate_state_up") == 0
        allow("+cluster|slots")
        eventually(lambda: state.takes(*PEOPLE), "the map is there")
        assert len(state.said("state_back", "cluster")) == 1
        eventually(lambda: state.counted("sluicegate_state_up") == 1, "all is well")
        assert "hidden-one" not in str(state.logs)


def test_what_two_nodes_count_is_taken_from_both_or_from_none(
    nodes: Cluster, state: Counting
) -> None:
    first, second = apart(nodes)
    few = Group("few", [Limit("fixed", FixedWindow(3, AGE_US))])
    for _ in range(3):
        state.take(second, few)
    before = state.taken(first)
    for _ in range(5):
        assert not state.call(state.state.take([Ask(MANY, first), Ask(few, second)])).admitted
    asked_again = count(1)
    eventually(
        lambda: state.taken(first) == before + next(asked_again),
        "what was taken of one is given back",
    )


def test_a_slot_on_its_way_is_counted_on_one_side_at_a_time(
    nodes: Cluster, state: Counting
) -> None:
    old = "person-1"
    to = other_primary(nodes, old)
    counts = [state.taken(old)]
    nodes.begin_move(slot(old), to)
    counts += [state.taken(old) for _ in range(3)]  # the key is still here
    nodes.finish_move(slot(old), to)
    counts += [state.taken(old) for _ in range(3)]  # MOVED, and from then on straight there
    assert counts == list(range(counts[0], counts[0] + 7))
    assert asked(state, old) == to.port
    assert state.counted("sluicegate_state_calls_total", "moved") == 0


def test_a_key_that_has_gone_ahead_of_its_slot_is_followed(nodes: Cluster, state: Counting) -> None:
    person = "newcomer"
    to = other_primary(nodes, person)
    here = owner(nodes, person).port
    nodes.begin_move(slot(person), to)
    try:
        assert [state.taken(person) for _ in range(4)] == [1, 2, 3, 4]
        assert asked(state, person) == here  # ASK moves nothing
    finally:
        nodes.finish_move(slot(person), to)
    assert [state.taken(person) for _ in range(4)] == [5, 6, 7, 8]
    assert asked(state, person) == to.port


def test_slots_are_not_had_twice_while_their_hash_slot_is_on_its_way(
    nodes: Cluster, state: Counting
) -> None:
    at_once = Group("at-once", [Limit("slots", Slots(2, 30_000_000))])
    person = PEOPLE[11]
    to = other_primary(nodes, person)
    held = [state.holds(at_once, person, f"t{number}") for number in range(3)]
    nodes.begin_move(slot(person), to)
    try:
        held += [state.holds(at_once, person, f"t{number}") for number in range(3, 6)]
    finally:
        nodes.finish_move(slot(person), to)
    held += [state.holds(at_once, person, f"t{number}") for number in range(6, 9)]
    assert held == [True, True] + [False] * 7


def test_a_node_that_dies_takes_along_its_own_subjects_until_its_replica_is_in_its_place(
    nodes: Cluster, state: Counting
) -> None:
    lost, kept = apart(nodes)
    before = owner(nodes, lost)
    before.kill()
    eventually(lambda: not state.takes(lost), "it is noticed")
    eventually(lambda: state.takes(lost), "takes go on", within_s=FAILOVER_S)
    assert asked(state, lost) != before.port
    assert state.takes(kept)
    before.start()  # it comes back as a replica
    eventually(nodes.agrees, "the nodes agree", within_s=FAILOVER_S)
    counts = [state.taken(lost) for _ in range(50)]
    assert counts == list(range(counts[0], counts[0] + 50))


def test_a_paused_node_is_replaced_too(nodes: Cluster, state: Counting) -> None:
    lost = PEOPLE[3]
    before = owner(nodes, lost)
    before.pause()
    try:
        eventually(lambda: not state.takes(lost), "it is noticed")
        eventually(lambda: state.takes(lost), "takes go on", within_s=FAILOVER_S)
    finally:
        before.resume()
    assert state.takes(lost)


def test_a_redirection_that_cannot_be_read_is_not_followed(state: Counting) -> None:
    connection = state.state._nodes.node_for(b"ada")
    for text in ("MOVED", "MOVED 5", "ASK 5 nowhere", "CLUSTERDOWN Hash slot not served"):
        trouble = Trouble(hiredis.ReplyError(text))
        assert state.do(lambda t=trouble: state.state._nodes.failed(connection, t)) is None
    assert state.takes(*PEOPLE)


def test_while_a_node_is_away_the_other_subjects_do_not_wait(
    nodes: Cluster, state: Counting
) -> None:
    lost, kept = apart(nodes)
    away = owner(nodes, lost)
    for node in nodes.nodes:  # the others answer until the replica is in its place, too
        node.client().config_set("cluster-require-full-coverage", "no")
    away.pause()
    try:
        with pytest.raises(StateAway):
            state.take(lost)
        assert state.takes(*[kept] * 20)
    finally:
        away.resume()


def test_closed_it_leaves_no_connection(nodes: Cluster) -> None:
    with counting(nodes.url) as state:
        eventually(lambda: state.takes(*PEOPLE), "the state is there", within_s=FAILOVER_S)
        assert isinstance(state.state._nodes, ClusterNodes)
    for node in nodes.nodes:
        with node.client() as client:
            eventually(
                lambda c=client: not [x for x in c.client_list() if x["name"] == "sluicegate-test"],
                "connections are closed",
            )
