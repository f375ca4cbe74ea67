"""Sentinels and what they watch are real; every test leaves them with a primary that has replicas.

The primary is killed, paused and moved: whoever counts finds the next one.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import hiredis
import pytest
import redis

from sluicegate.metrics import Metrics
from sluicegate.state.redis.address import Endpoint, parse_address
from sluicegate.state.redis.breaker import Watch
from sluicegate.state.redis.sentinel import Naming, SentinelNodes, naming, newest
from support.counting import Counting, counting
from support.mock_clock import MockClock
from support.ports import eventually, free_port, listening_socket
from support.valkey_sentinel import PRIMARY, Sentineled, primary_with_replicas

A, B = Endpoint("10.0.0.1", 6379), Endpoint("10.0.0.2", 6379)
LEFT = [b"unsubscribe", b"+switch-master", 0]
FACTS = [b"name", b"main", b"config-epoch", b"7"]
FAILOVER_S = 60
"""Sentinels take 5, and 30 more once they have been held up for 2 (TILT); the machine is shared."""


def test_the_sentinel_with_the_newest_configuration_is_believed() -> None:
    assert newest([]) is None
    best = newest([Naming(A, 3), Naming(B, 4), Naming(A, 3)])
    assert best is not None
    assert best.primary == B


def test_a_sentinel_names_a_primary_and_its_epoch() -> None:
    said = naming([LEFT, [b"10.0.0.2", b"6379"], FACTS, [b"subscribe"]])
    assert said is not None
    assert (said.primary, said.epoch) == (B, 7)


def test_a_sentinel_that_does_not_know_the_name_names_nobody() -> None:
    assert naming([LEFT, None, hiredis.ReplyError("ERR No such master"), [b"subscribe"]]) is None


def test_answers_that_news_has_shifted_are_not_read() -> None:
    news = [b"message", b"+switch-master", b"main 10.0.0.1 6379 10.0.0.2 6379"]
    assert naming([news, LEFT, [b"10.0.0.2", b"6379"], FACTS]) is None


class Kept:
    """In place of a breaker: where one was made for."""

    live = None

    def __init__(self, endpoint: Endpoint) -> None:
        self.endpoint = endpoint

    def begin(self) -> None: ...

    def close(self) -> None: ...


class Silence:
    """In place of Sentinels that would be asked."""

    on_end = None


def test_a_sentinel_that_lags_is_not_followed_back_while_another_is_silent() -> None:
    address = parse_address("redis+sentinel://s1,s2/main")
    nodes: Any = SentinelNodes(
        address, cast("Any", Kept), cast("Any", Silence()), MockClock(), Watch(Metrics())
    )
    first, second = address.endpoints

    def hears(sentinel: Endpoint, primary: Endpoint, epoch: int) -> Endpoint:
        place = [primary.host.encode(), b"6379"]
        facts = [b"config-epoch", b"%d" % epoch]
        nodes._hear(sentinel, [LEFT, place, facts, [b"subscribe"]])
        return nodes._breaker.endpoint

    assert hears(first, A, 1) == A
    assert hears(second, B, 2) == B
    assert hears(first, A, 1) == B
    nodes._said.clear()  # neither can be reached
    assert hears(first, A, 1) == B
    assert hears(second, A, 0) == A  # both were told to begin anew


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sentineled]:
    folder = tmp_path_factory.mktemp("sentinel")
    # A busy machine is no primary that is down: each failover that is not meant is a loss.
    with primary_with_replicas(folder, replicas=3, down_after_ms=3000) as running:
        yield running


@pytest.fixture
def state(deployment: Sentineled) -> Iterator[Counting]:
    eventually(deployment.agrees, "Sentinels agree", within_s=FAILOVER_S)
    with counting(deployment.url) as at:
        eventually(at.takes, "the state is there")
        yield at


def lives(state: Counting, *, without: int) -> bool:
    """Say whether takes are answered, by another server than the one at this port."""
    return state.takes() and not leads(state, without)


def leads(state: Counting, port: int) -> bool:
    """Say whether calls go to this port."""
    return state.state._nodes.node_for(b"ada").name.endswith(f":{port}")


def test_takes_go_to_the_primary_that_sentinels_name(
    deployment: Sentineled, state: Counting
) -> None:
    assert leads(state, deployment.primary().port)


def test_marks_are_left_with_the_primary(state: Counting) -> None:
    state.call(state.state.mark({"a": 60_000}))
    assert (
        state.call(state.state.marks(["a", "b"]))[1] == 0 < state.call(state.state.marks(["a"]))[0]
    )


def test_one_sentinel_of_those_written_is_enough(deployment: Sentineled) -> None:
    alive = deployment.sentinels[0].port
    with counting(f"redis+sentinel://127.0.0.1:{free_port()},127.0.0.1:{alive}/{PRIMARY}") as state:
        assert state.takes()


def test_a_name_that_sentinels_do_not_know_is_away(deployment: Sentineled) -> None:
    with counting(deployment.url.replace(PRIMARY, "other")) as state:
        assert not state.takes()
        assert state.said("state_away", "sentinels") == ["it knows no primary of that name"]


def test_sentinels_that_cannot_be_reached_are_said_once() -> None:
    one, two = free_port(), free_port()
    with counting(f"redis+sentinel://127.0.0.1:{one},127.0.0.1:{two}/{PRIMARY}") as state:
        nodes = state.state._nodes
        assert isinstance(nodes, SentinelNodes)
        for sentinel in nodes._sentinels:
            state.call(nodes._ask(sentinel))
        (reason,) = state.said("state_away", "sentinels")
        assert reason.count("no connection: ") == 2
        assert str(one) in reason
        assert str(two) in reason
        assert state.counted("sluicegate_state_up") == 0


def test_a_server_that_is_no_sentinel_is_said(deployment: Sentineled) -> None:
    with counting(f"redis+sentinel://127.0.0.1:{deployment.primary().port}/{PRIMARY}") as state:
        assert state.said("state_away", "sentinels") == ["it answered ERR to SENTINEL"]
        assert state.counted("sluicegate_state_up") == 0


def test_sentinels_that_let_us_in_later_are_said_to_be_back(deployment: Sentineled) -> None:
    who = {"sentinel_username": "gateway", "sentinel_password": "hidden-one"}
    with counting(deployment.url, **who) as state:
        refused = ["the server refuses our user or password"]
        assert state.said("state_away", "sentinels") == refused
        assert "hidden-one" not in str(state.logs)
        for sentinel in deployment.sentinels:
            rights = "ACL SETUSER gateway on >hidden-one +@all allchannels"
            sentinel.client().execute_command(rights)
        eventually(state.takes, "a primary is found")
        assert state.said("state_away", "sentinels") == refused
        assert len(state.said("state_back", "sentinels")) == 1
        assert state.counted("sluicegate_state_up") == 1


def test_killed_the_next_primary_is_found_and_the_old_one_left_alone(
    deployment: Sentineled, state: Counting
) -> None:
    before = deployment.primary()
    before.kill()
    eventually(lambda: not state.takes(), "it is noticed")
    eventually(lambda: deployment.failed_over(before), "Sentinels fail over", within_s=FAILOVER_S)
    eventually(lambda: lives(state, without=before.port), "takes go on", within_s=FAILOVER_S)
    # It comes back empty, and takes itself for a primary until Sentinels have told it.
    before.start()
    counts = [state.taken("bert") for _ in range(200)]
    assert counts == list(range(counts[0], counts[0] + 200))
    assert before.client().dbsize() == 0


def test_paused_the_next_primary_is_found_though_connections_stay_open(
    deployment: Sentineled,
) -> None:
    """A Sentinel that is silent as well, as one on the same machine would be, holds up nobody."""
    eventually(deployment.agrees, "Sentinels agree", within_s=FAILOVER_S)
    with listening_socket() as silent:
        url = deployment.url.replace("//", f"//127.0.0.1:{silent.getsockname()[1]},")
        with counting(url) as state:
            before = deployment.primary()
            before.pause()
            try:
                eventually(
                    lambda: lives(state, without=before.port), "takes go on", within_s=FAILOVER_S
                )
            finally:
                before.resume()
            assert not leads(state, before.port)


def test_told_to_fail_over_sentinels_tell_us_though_nobody_takes(
    deployment: Sentineled, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sluicegate.state.redis.sentinel.IDLE_S", 10_000.0)
    eventually(deployment.agrees, "Sentinels agree", within_s=FAILOVER_S)
    before = deployment.primary()
    with counting(deployment.url) as state:
        nodes = state.state._nodes
        assert isinstance(nodes, SentinelNodes)
        eventually(lambda: ordered(deployment), "a failover is accepted", within_s=FAILOVER_S)
        eventually(
            lambda: nodes._breaker is not None and nodes._breaker.endpoint.port != before.port,
            "the news is heard",
            within_s=FAILOVER_S,
        )
        eventually(state.takes, "the new primary is connected to")


def ordered(deployment: Sentineled) -> bool:
    """Order a failover; Sentinels refuse while one has just been."""
    try:
        return bool(deployment.sentinels[0].client().sentinel_failover(PRIMARY))
    except redis.ResponseError:
        return False


def test_a_primary_that_has_become_a_replica_is_left(
    deployment: Sentineled, state: Counting
) -> None:
    """READONLY is answered to what was sent over a connection from before."""
    before = deployment.primary()
    other = deployment.replicas()[0]
    client = before.client()
    client.execute_command("REPLICAOF", "127.0.0.1", str(other.port))
    try:
        eventually(lambda: not state.takes(), "the replica is left")
    finally:
        client.execute_command("REPLICAOF", "NO", "ONE")
    assert state.counted("sluicegate_state_calls_total", "readonly") == 1
    eventually(state.takes, "a primary is found", within_s=FAILOVER_S)


def test_sentinels_that_are_away_change_nothing_while_the_primary_is_there(
    deployment: Sentineled, state: Counting
) -> None:
    for sentinel in deployment.sentinels:
        sentinel.pause()
    try:
        counts = [state.taken("carl") for _ in range(50)]
        assert counts == list(range(counts[0], counts[0] + 50))
        assert state.counted("sluicegate_state_up") == 1
    finally:
        for sentinel in deployment.sentinels:
            sentinel.resume()


def test_closed_it_leaves_no_connection(deployment: Sentineled) -> None:
    with counting(deployment.url) as state:
        eventually(state.takes, "the state is there", within_s=FAILOVER_S)
        nodes = state.state._nodes
        assert isinstance(nodes, SentinelNodes)
    for server in (deployment.primary(), *deployment.sentinels):
        with server.client() as client:
            eventually(
                lambda c=client: not [x for x in c.client_list() if x["name"] == "sluicegate-test"],
                "connections are closed",
            )
