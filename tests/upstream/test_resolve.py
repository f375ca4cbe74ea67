from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from structlog.testing import capture_logs

from sluicegate.errors import ConnectFailed, ConnectTimeout
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
        resolver = Resolver(clock, server.look_up)
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


def test_the_system_is_asked_by_default() -> None:
    async def scenario() -> None:
        resolver = Resolver(MockClock())
        assert set(await resolver.addresses("localhost")) <= {"127.0.0.1", "::1"}
        await resolver.close()

    run(scenario())
