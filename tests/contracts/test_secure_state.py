"""The state over TLS, as an ACL user, at a real Redis: who is let in, and what is never said."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from sluicegate.errors import ConfigError
from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow
from sluicegate.journey.limit.algorithms.leased import Leased
from sluicegate.journey.limit.algorithms.slots import Slots
from sluicegate.journey.limit.algorithms.spending import Spending
from sluicegate.model.ledger import Entry
from sluicegate.settings import StateTls
from sluicegate.state.contract import Ask, Group, Limit
from sluicegate.state.redis.commands import number
from support.certificates import Authority
from support.counting import AGE_US, Counting, counting
from support.valkey import PASSWORD, USER, TlsValkey, tls_server
from support.valkey_sentinel import tls_sentinel

NARROW, STRANGER = "narrow", "stranger"
NEEDED = (
    "+hello +ping +client|setname +evalsha +eval +time +get +set +getdel +pexpire +pttl"
    " +zadd +zcount +zrange +zrem +zremrangebyscore +zscore"
    " +hset +hget +hdel +hlen +exists +incrby +xadd +xlen"
)
"""All that the gateway and its scripts do. A server that is new to it needs `+@connection`
`+@scripting +@read +@write +time`, which stays enough when scripts change."""
TOKENS = Group("tokens", [Limit("fixed", FixedWindow(1000, AGE_US))], settles=True)
LENT = Group("lent", [Limit("leased", Leased(FixedWindow(1000, AGE_US), 100))])
BUDGET = Group("budget", [Limit("spending-month", Spending(100, 0, (50,)))], settles=True)
AT_ONCE = Group("at-once", [Limit("slots", Slots(2, 30_000_000))])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsValkey]:
    users = (
        f"user {NARROW} on >{PASSWORD} ~sg:* {NEEDED}",
        f"user {STRANGER} on >{PASSWORD} ~other:* +@all",
    )
    with tls_server(tmp_path_factory.mktemp("tls"), users=users) as running:
        yield running


@pytest.fixture(scope="module")
def asking(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TlsValkey]:
    """A server that asks its clients for a certificate."""
    with tls_server(tmp_path_factory.mktemp("mutual"), asks_clients=True) as running:
        yield running


def settings(server: TlsValkey, **more: Any) -> dict[str, Any]:
    tls = StateTls(ca=str(server.authority.ca))
    return {"username": USER, "password": PASSWORD, "tls": tls, **more}


def does_all(state: Counting) -> None:
    """Take, settle, hold a slot and let it go, borrow, be seen, and leave a mark."""
    ask, slot = Ask(TOKENS, "ada", 10), Ask(AT_ONCE, "ada")
    before = state.call(state.state.take([ask], "t1")).outcomes[0].remaining
    state.call(state.state.settle([ask], "t1", [4]))
    assert state.call(state.state.take([ask], "t2")).outcomes[0].remaining == before - 4
    assert state.call(state.state.take([slot], "s1")).admitted
    state.call(state.state.refresh([(slot, "s1")]))
    state.call(state.state.settle([slot], "s1", [0]))
    loan = Ask(LENT, "ada")
    assert state.call(state.state.lend(loan, [5], "b1"))[0].granted == 5
    state.call(state.state.give_back(loan, "b1", [2]))
    assert state.call(state.state.present("worker-1")).workers >= 1
    state.call(state.state.mark({"tired": 60_000}))
    assert state.call(state.state.marks(["tired"]))[0] > 0


def test_over_tls_an_acl_user_counts(server: TlsValkey) -> None:
    with counting(server.url, **settings(server)) as state:
        does_all(state)


def test_a_user_with_no_rights_but_the_needed_ones_counts(server: TlsValkey) -> None:
    with counting(server.url, **settings(server, username=NARROW)) as state:
        does_all(state)


def test_a_user_with_no_rights_but_the_needed_ones_spends(server: TlsValkey) -> None:
    ask = Ask(BUDGET, "ada", 60)
    line = msgspec.msgpack.encode(Entry(id="t1"))
    with server.client() as client:
        counts = ["spending-month", [2**51, 0, 0]]
        client.set("sg:{ledger}budget\x1fada", msgspec.msgpack.encode(counts))
    with counting(server.url, **settings(server, username=NARROW)) as state:
        assert state.call(state.state.take([ask], "t1", line, 60_000)).admitted
        state.call(state.state.refresh([(ask, "t1")]))
        state.call(state.state.settle([ask], "t1", [55], line, 55))
        assert state.call(state.state.take([ask], "t2", line, 0)).outcomes[0].remaining == 45
        state.call(state.state.append([(None, line)]))
    with counting(server.url, **settings(server, username=NARROW)) as state:
        state.state._commands._most_lines = number(1)  # which the last lines are more than
        state.call(state.state.append([(5, line)]))


def test_a_user_without_our_keys_counts_nothing(server: TlsValkey) -> None:
    with counting(server.url, **settings(server, username=STRANGER)) as state:
        assert not state.takes()
        assert state.counted("sluicegate_state_calls_total", "ok") == 0


def test_a_certificate_of_an_unknown_authority_is_refused(
    server: TlsValkey, tmp_path: Path
) -> None:
    other = StateTls(ca=str(Authority(tmp_path, "other").ca))
    for tls in (other, None):
        with counting(server.url, **settings(server, tls=tls)) as state:
            assert not state.takes()


def test_a_certificate_of_another_name_is_refused(server: TlsValkey) -> None:
    with counting(f"rediss://127.0.0.1:{server.port}", **settings(server)) as state:
        assert not state.takes()


def test_a_server_that_asks_for_a_certificate_is_shown_ours(asking: TlsValkey) -> None:
    pair = asking.pair
    ours = StateTls(
        ca=str(asking.authority.ca), certificate=str(pair.certificate), key=str(pair.key)
    )
    with counting(asking.url, **settings(asking, tls=ours)) as state:
        assert state.takes()
    with counting(asking.url, **settings(asking)) as state:
        assert not state.takes()


def test_sentinels_have_users_and_certificates_of_their_own(
    server: TlsValkey, tmp_path: Path
) -> None:
    asks = "+sentinel|get-master-addr-by-name +sentinel|master +subscribe +unsubscribe"
    users = (
        "user default off",
        f"user asker on >at-sentinels &+switch-master -@all +@connection {asks}",
    )
    known = {"sentinel_username": "asker", "sentinel_password": "at-sentinels"}
    with tls_sentinel(tmp_path, server, users) as url:
        with counting(url, **settings(server, **known)) as state:
            assert state.takes()
            assert [line["event"] for line in state.logs] == []
        with counting(url, **settings(server)) as state:
            assert not state.takes()


def test_files_that_cannot_be_used_are_named(server: TlsValkey, tmp_path: Path) -> None:
    missing = StateTls(ca=str(tmp_path / "none.pem"))
    with (
        pytest.raises(ConfigError, match=r"none\.pem"),
        counting(server.url, **settings(server, tls=missing)),
    ):
        pass


@pytest.mark.parametrize(
    "wrong",
    [
        {"password": "not-the-password"},
        {"username": "nobody"},
        {"username": None},
        {"username": STRANGER},
        {"tls": None},
    ],
    ids=str,
)
def test_no_log_line_ever_says_a_secret(server: TlsValkey, wrong: dict[str, Any]) -> None:
    with counting(server.url, **settings(server, **wrong)) as state:
        assert not state.takes()
        said = str(state.logs)
    assert "state_" in said
    assert PASSWORD not in said
    assert "not-the-password" not in said
