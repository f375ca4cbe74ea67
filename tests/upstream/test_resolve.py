from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import ConnectFailed, ConnectTimeout
from sluicegate.upstream.address_guard import AddressGuard
from sluicegate.upstream.resolve import MAX_NAMES, Resolver
from support.loops import run
from support.mock_clock import MockClock


class NameServer:
    """Answers look-ups as a test says; `gate` holds answers back while it is closed."""

    def __init__(self, **names: list[str] | Exception) -> None:
        self.names: dict[str, list[str] | Exception] = dict(names)
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def look_up(self, host: str) -> list[str]:
        self.asked.append(host)
        await self.gate.wait()
        answer = self.names.get(host, OSError(-2, "Name or service not known"))
        if isinstance(answer, Exception):
            raise answer
        return answer


Scenario = Callable[[MockClock, NameServer, Resolver], Awaitable[None]]


def play(scenario: Scenario, **names: Any) -> None:
    async def scene() -> None:
        clock, server = MockClock(), NameServer(**names)
        resolver = Resolver(clock, server.look_up, guard=AddressGuard(["192.0.2.0/24"]))
        try:
            await scenario(clock, server, resolver)
        finally:
            await resolver.close()

    run(scene())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("192.0.2.1", "192.0.2.1"), ("2001:db8::1", "2001:db8::1"), ("[::1]", "::1")],
)
def test_an_address_is_its_own_and_nobody_is_asked(host: str, expected: str) -> None:
    async def scenario(_: MockClock, server: NameServer, resolver: Resolver) -> None:
        assert await resolver.addresses(host) == [expected]
        assert server.asked == []

    play(scenario)


def test_a_name_has_its_addresses_in_order_and_once_each() -> None:
    async def scenario(_: MockClock, server: NameServer, resolver: Resolver) -> None:
        for _repeated in range(3):
            assert await resolver.addresses("users") == ["192.0.2.2", "192.0.2.1"]
        assert server.asked == ["users"]

    play(scenario, users=["192.0.2.2", "192.0.2.1", "192.0.2.2"])


def test_everyone_who_waits_waits_for_the_same_look_up() -> None:
    async def scenario(_: MockClock, server: NameServer, resolver: Resolver) -> None:
        server.gate.clear()
        waiting = [asyncio.create_task(resolver.addresses("users")) for _repeated in range(10)]
        await settle()
        waiting[0].cancel()
        await settle()
        server.gate.set()
        found = await asyncio.gather(*waiting, return_exceptions=True)
        assert isinstance(found[0], asyncio.CancelledError)
        assert found[1:] == [["192.0.2.1"]] * 9
        assert server.asked == ["users"]

    play(scenario, users=["192.0.2.1"])


def test_an_old_answer_is_given_while_a_new_one_is_looked_up() -> None:
    async def scenario(clock: MockClock, server: NameServer, resolver: Resolver) -> None:
        await resolver.addresses("users", 30)
        server.names["users"] = ["192.0.2.9"]
        clock.advance(29.9)
        await resolver.addresses("users", 30)
        assert server.asked == ["users"]
        clock.advance(0.1)
        server.gate.clear()
        for _repeated in range(3):
            assert await resolver.addresses("users", 30) == ["192.0.2.1"]
        server.gate.set()
        await settle()
        assert await resolver.addresses("users", 30) == ["192.0.2.9"]
        assert server.asked == ["users"] * 2

    play(scenario, users=["192.0.2.1"])


def test_a_refresh_that_fails_keeps_the_old_addresses_and_says_how_old_they_are() -> None:
    async def scenario(clock: MockClock, server: NameServer, resolver: Resolver) -> None:
        await resolver.addresses("users")
        for broken in (OSError(-3, "Temporary failure in name resolution"), []):
            server.names["users"] = broken
            clock.advance(60)
            with capture_logs() as logs:
                assert await resolver.addresses("users") == ["192.0.2.1"]
                await settle()
            assert logs[0]["event"] == "resolve_failed"
        assert (logs[0]["kept"], logs[0]["age_s"]) == (1, 120)
        assert resolver.failures.value == 2
        server.names["users"] = ["192.0.2.9"]
        clock.advance(5)
        await resolver.addresses("users")
        await settle()
        assert await resolver.addresses("users") == ["192.0.2.9"]

    play(scenario, users=["192.0.2.1"])


def test_a_name_without_addresses_fails_and_is_asked_for_once_a_second() -> None:
    async def scenario(clock: MockClock, server: NameServer, resolver: Resolver) -> None:
        for _repeated in range(3):
            with pytest.raises(ConnectFailed, match="ghost: Name or service not known"):
                await resolver.addresses("ghost")
        assert server.asked == ["ghost"]
        server.names["ghost"] = ["192.0.2.1"]
        clock.advance(1)
        assert await resolver.addresses("ghost") == ["192.0.2.1"]

    play(scenario)


def test_a_name_that_cannot_be_one_fails_too() -> None:
    async def scenario(_: MockClock, __: NameServer, resolver: Resolver) -> None:
        with pytest.raises(ConnectFailed):
            await resolver.addresses("odd")

    play(scenario, odd=UnicodeError("label empty or too long"))


def test_waiting_has_an_end_and_the_look_up_is_not_begun_anew() -> None:
    async def scenario(clock: MockClock, server: NameServer, resolver: Resolver) -> None:
        server.gate.clear()
        for _repeated in range(2):
            waiting = asyncio.create_task(resolver.addresses("users"))
            await settle()
            clock.advance(4.9)
            await settle()
            assert not waiting.done()
            clock.advance(0.1)
            with pytest.raises(ConnectTimeout):
                await waiting
        assert server.asked == ["users"]
        server.gate.set()
        await settle()
        assert await resolver.addresses("users") == ["192.0.2.1"]

    play(scenario, users=["192.0.2.1"])


def test_names_do_not_pile_up() -> None:
    async def scenario(_: MockClock, __: NameServer, resolver: Resolver) -> None:
        for number in range(MAX_NAMES + 5):
            resolver._add(f"name-{number}")
        assert len(resolver._names) == MAX_NAMES

    play(scenario)


def test_closing_ends_look_ups_under_way() -> None:
    async def scenario(_: MockClock, server: NameServer, resolver: Resolver) -> None:
        server.gate.clear()
        waiting = asyncio.create_task(resolver.addresses("users"))
        await settle()
        await resolver.close()
        with pytest.raises(asyncio.CancelledError):
            await waiting

    play(scenario, users=["192.0.2.1"])


def test_an_address_that_a_name_may_not_lead_to_is_refused_and_named_for_the_log() -> None:
    async def scenario(clock: MockClock, server: NameServer, resolver: Resolver) -> None:
        expected = (
            "users: resolves to 127.0.0.1, ::1, neither public nor in `gateway.private_networks`"
        )
        with capture_logs() as logs:
            for _repeated in range(3):
                with pytest.raises(ConnectFailed) as refused:
                    await resolver.addresses("users")
                assert str(refused.value) == expected
                clock.advance(1)
        assert len(server.asked) == 3
        assert resolver.refusals.value == 6
        assert [line["event"] for line in logs] == ["address_refused"]  # it did not change
        assert (logs[0]["host"], logs[0]["refused"]) == ("users", "127.0.0.1, ::1")
        assert resolver.failures.value == 0

    play(scenario, users=["127.0.0.1", "::1"])


def test_what_is_left_of_an_answer_is_used_and_a_change_of_what_is_not_is_told() -> None:
    async def scenario(clock: MockClock, server: NameServer, resolver: Resolver) -> None:
        with capture_logs() as logs:
            assert await resolver.addresses("users") == ["192.0.2.1"]
            for answer in (["10.0.0.2", "192.0.2.1"], ["10.0.0.1", "10.0.0.2", "192.0.2.1"]):
                server.names["users"] = answer
                clock.advance(5)
                await resolver.addresses("users")
                await settle()
                assert await resolver.addresses("users") == ["192.0.2.1"]
        assert [line["refused"] for line in logs] == ["10.0.0.1", "10.0.0.2", "10.0.0.1, 10.0.0.2"]
        assert {line["kept"] for line in logs} == {1}

    play(scenario, users=["192.0.2.1", "10.0.0.1"])


def test_a_name_that_is_rebound_to_a_private_address_leads_nowhere_until_it_is_public_again() -> (
    None
):
    async def scenario(clock: MockClock, server: NameServer, resolver: Resolver) -> None:
        assert await resolver.addresses("users") == ["192.0.2.1"]
        server.names["users"] = ["169.254.169.254"]
        clock.advance(5)
        assert await resolver.addresses("users") == ["192.0.2.1"]
        await settle()
        with pytest.raises(ConnectFailed, match=r"169\.254\.169\.254"):
            await resolver.addresses("users")
        server.names["users"] = ["192.0.2.2"]
        clock.advance(1)
        assert await resolver.addresses("users") == ["192.0.2.2"]

    play(scenario, users=["192.0.2.1"])


def test_an_address_in_a_targets_url_is_not_judged() -> None:
    async def scenario(_: MockClock, __: NameServer, resolver: Resolver) -> None:
        for address in ("127.0.0.1", "169.254.169.254", "::1", "fe80::1%lo"):
            assert await resolver.addresses(address) == [address]

    play(scenario)


@pytest.mark.parametrize("host", ["localhost", "127.1", "2130706433", "0x7f.1", "0177.0.0.1", "0"])
def test_this_machine_is_refused_by_every_name_that_the_system_has_for_it(host: str) -> None:
    async def scenario() -> None:
        resolver = Resolver(MockClock())
        with pytest.raises(ConnectFailed):
            await resolver.addresses(host)
        await resolver.close()

    run(scenario())


def test_the_system_is_asked_by_default() -> None:
    async def scenario() -> None:
        resolver = Resolver(MockClock(), guard=AddressGuard(["127.0.0.0/8", "::1"]))
        assert set(await resolver.addresses("localhost")) <= {"127.0.0.1", "::1"}
        await resolver.close()

    run(scenario())
