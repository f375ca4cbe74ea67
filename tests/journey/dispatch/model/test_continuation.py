from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from sluicegate.journey.dispatch.model.continuation import (
    GO_ON,
    Continuing,
    _sum,
    asked_to_go_on,
)
from sluicegate.llm.canonical import (
    Begun,
    Cited,
    Delta,
    Ended,
    Event,
    Logprobs,
    Message,
    PartBegun,
    PartEnded,
    Request,
    Signature,
    Signed,
    Stop,
    Stopped,
    Text,
    Thinking,
    ToolCall,
    Usage,
    Used,
)
from sluicegate.llm.failure import Failure
from support.llm_goldens import FOX
from support.loops import run
from support.model_calls import ModelWorld, data_of, deployments, model_world, said
from support.scripted_provider import (
    Call,
    begin,
    cut,
    error,
    frames,
    golden,
    send,
    stream_of,
    streamed_error,
)
from support.upstreams import Talk

TEXT = PartBegun(0, 0, Text(text=""))
STOPPED = Stopped(0, Stop(reason="end"))


class Written:
    """The writer inside: what it was given."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def write(self, events: Sequence[Event]) -> bytes:
        self.events += events
        return b"x" * len(events)

    def fail(self, failure: Failure) -> bytes:
        return failure.message.encode()


def joined(first: Sequence[Event], spent: Usage | None = None) -> tuple[Continuing, list[Event]]:
    """Return a writer that has written a stream which broke off, and what comes from now on."""
    inner = Written()
    writer = Continuing(inner)
    writer.write(first)
    writer.join(spent)
    inner.events = []
    return writer, inner.events


def test_what_was_said_is_the_text_alone() -> None:
    writer = Continuing(Written())
    thought = [PartBegun(0, 0, Thinking()), Delta(0, 0, "hm"), PartEnded(0, 0)]
    writer.write([Begun("id", "m", 0), *thought, PartBegun(0, 1, Text(text=""))])
    writer.write([Delta(0, 1, "The "), Delta(0, 1, "quick")])
    assert writer.said == "The quick"
    assert writer.possible


def test_the_rest_is_appended_to_the_part_that_is_open() -> None:
    writer, events = joined([Begun("1", "m", 0), TEXT, Delta(0, 0, "The ")])
    writer.write([Begun("2", "other", 0), PartBegun(0, 0, Text(text="")), Delta(0, 0, "quick")])
    writer.write([PartEnded(0, 0), STOPPED, Ended()])
    assert events == [Delta(0, 0, "quick"), PartEnded(0, 0), STOPPED, Ended()]
    assert writer.said == "The quick"


def test_reasoning_of_the_second_is_left_out() -> None:
    writer, events = joined([TEXT, Delta(0, 0, "The ")])
    writer.write([PartBegun(0, 0, Thinking()), Delta(0, 0, "hm")])
    writer.write([Signed(0, 0, Signature("anthropic", "s")), PartEnded(0, 0)])
    writer.write([PartBegun(0, 1, Text(text="")), Delta(0, 1, "quick"), PartEnded(0, 1)])
    assert events == [Delta(0, 0, "quick"), PartEnded(0, 0)]


def test_further_parts_are_counted_on() -> None:
    call = PartBegun(0, 1, ToolCall(id="c", name="f", arguments=""))
    writer, events = joined([TEXT, Delta(0, 0, "The "), PartEnded(0, 0)])
    writer.write([PartBegun(0, 0, Text(text="")), Delta(0, 0, "quick"), PartEnded(0, 0)])
    writer.write([call, Delta(0, 1, "{}"), PartEnded(0, 1)])
    assert events[:3] == [PartBegun(0, 1, Text(text="")), Delta(0, 1, "quick"), PartEnded(0, 1)]
    assert [getattr(event, "part", None) for event in events[3:]] == [2, 2, 2]


def test_a_citation_follows_its_part() -> None:
    writer, events = joined(
        [
            PartBegun(0, 0, Thinking()),
            PartEnded(0, 0),
            PartBegun(0, 1, Text(text="")),
            Delta(0, 1, "a"),
        ]
    )
    writer.write([PartBegun(0, 0, Text(text="")), Cited(0, 0, {"url": "u"})])
    assert events == [Cited(0, 1, {"url": "u"})]


def test_the_tier_is_that_of_the_last() -> None:
    first, second = Usage(input=1, tier="priority"), Usage(input=2, tier="default")
    assert _sum(first, second) == Usage(input=3, tier="default")


def test_tokens_of_both_are_told() -> None:
    writer, events = joined([TEXT, Delta(0, 0, "a")], Usage(input=10, output=2, cached=1))
    writer.write([Used(Usage(input=14, output=3))])
    assert events == [Used(Usage(input=24, output=5, cached=1))]


@pytest.mark.parametrize(
    "event",
    [
        PartBegun(0, 1, ToolCall(id="c", name="f", arguments="")),
        PartBegun(1, 0, Text(text="")),
        STOPPED,
        Logprobs(0, []),
    ],
)
def test_what_is_more_than_words_is_not_continued(event: Event) -> None:
    writer = Continuing(Written())
    writer.write([TEXT, Delta(0, 0, "The "), event])
    assert not writer.possible


def test_an_error_is_told_as_without_it() -> None:
    failure = Failure(kind="timeout", status=504, message="late")
    assert Continuing(Written()).fail(failure) == b"late"


def test_the_next_is_shown_what_was_said_and_asked_for_the_rest() -> None:
    turn = Message(role="user", parts=[Text(text="Say something.")])
    asked = Request(dialect="d", model="m", messages=[turn])
    again = asked_to_go_on(asked, "The quick")
    assert [message.role for message in again.messages] == ["user", "assistant", "user"]
    assert again.messages[1].parts == [Text(text="The quick")]
    assert again.messages[2].parts == [Text(text=GO_ON)]
    assert len(asked.messages) == 1


# --- on the way ----------------------------------------------------------------------------------

ON = {"continue_streams": True}
MODELS = {"m": deployments("chat", "anthropic", attempts=4)}


async def goes_on(talk: Talk, call: Call, folder: Path) -> None:
    """Say what was not said, as a model does that is asked to go on."""
    stream = stream_of(folder, "text")
    so_far = call.content["messages"][-2]["content"]
    so_far = so_far if isinstance(so_far, str) else "".join(part["text"] for part in so_far)
    whole = frames(stream, call.dialect)
    left = FOX.removeprefix(so_far)
    assert left != FOX
    kept = [f for f in whole if b'"content":"' not in f and b"text_delta" not in f]
    if call.dialect == "anthropic_messages":
        said = (
            'event: content_block_delta\ndata: {"type":"content_block_delta","index":0,"delta":'
            f'{{"type":"text_delta","text":"{left}"}}}}\n\n'
        ).encode()
        at = next(i for i, f in enumerate(kept) if b"content_block_stop" in f)
        kept.insert(at, said)
    await begin(talk, call)
    await send(talk, b"".join(kept))
    await talk.send(b"0\r\n\r\n")


def test_a_stream_that_breaks_off_is_whole_in_the_end(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, MODELS, ON) as world:
            for each in world.deployments:
                world.provider.play(each.model_for("m"), cut(), goes_on)
            await _ask_until_it_began_at(world, "chat")

    run(work())


async def _ask_until_it_began_at(world: ModelWorld, provider: str) -> None:
    """Balancing is by weight: either may be the first, and both know how to go on."""
    for _ in range(2):
        world.provider.calls.clear()
        world.provider.play("m", cut(4), goes_on)
        got = await world.chat("m", stream=True, max_tokens=50)
        assert said(got) == FOX
        assert data_of(got)[-1] == "[DONE]"
        assert len(world.provider.calls) == 2
        assert world.in_flight == 0
        line = world.plane.logs[-1]
        assert line["failure"] is None
        if world.provider.calls[-1].dialect == "anthropic_messages":
            return
    raise AssertionError(provider)


def test_a_stream_that_nobody_can_continue_ends_with_an_error(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, MODELS, ON) as world:
            world.provider.play("m", cut(4), error("server_error"))
            asked = world.chat("m", stream=True, max_tokens=50)
            got = await world.later(asked, 60, 1)
            assert got.status == 200
            assert said(got)
            assert FOX.startswith(said(got))
            assert "error" in data_of(got)[-1]
            assert "[DONE]" not in data_of(got)
            assert world.in_flight == 0

    run(work())


def test_without_being_told_to_a_stream_is_not_continued(tmp_path: Path) -> None:
    async def work() -> None:
        async with model_world(tmp_path, MODELS) as world:
            world.provider.play("m", cut(4), golden("text"))
            got = await world.chat("m", stream=True, max_tokens=50)
            assert len(world.provider.calls) == 1
            assert "error" in data_of(got)[-1]

    run(work())


def test_a_caller_who_goes_away_while_it_is_continued_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    async def stalls(talk: Talk, call: Call, folder: Path) -> None:
        whole = frames(stream_of(folder, "text"), call.dialect)
        await begin(talk, call)
        await send(talk, b"".join(whole[:4]))
        again.set()
        await talk.gone()
        raise ConnectionResetError

    again = asyncio.Event()

    async def work() -> None:
        async with model_world(tmp_path, MODELS, ON) as world:
            world.provider.play("m", streamed_error("server_error", after=0), stalls)
            asking = asyncio.create_task(_read(world))
            await again.wait()
            asking.cancel()
            await world.until(lambda: world.provider.upstream.open <= 1)
            await world.until(lambda: world.in_flight == 0)

    run(work())


async def _read(world: ModelWorld) -> None:
    from support.model_calls import ASKED, request  # noqa: PLC0415 - here alone

    reader, writer = await asyncio.open_connection("127.0.0.1", world.plane.port)
    body = {"model": "m", "messages": ASKED, "stream": True, "max_tokens": 50}
    writer.write(request("POST", "/v1/chat/completions", body))
    try:
        await reader.read()
    finally:
        writer.transport.abort()
