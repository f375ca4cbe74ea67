"""What the bench measures of calls of models is what it says."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from sluicegate.llm.dialects import find
from support.ports import Ports

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def bench_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_call_is_as_long_as_it_says_in_both_dialects() -> None:
    from bench import chat  # noqa: PLC0415 - see bench_is_importable
    from bench.chat_gateways import CHAT, MESSAGES, Way  # noqa: PLC0415 - same

    for path, turns in ((CHAT, 2), (MESSAGES, 1)):
        written = chat.body_of(Way("way", path, "a-model"), chat.TOKENS)
        body = json.loads(written)
        assert (body["model"], len(body["messages"])) == ("a-model", turns)
        assert len(body["messages"][-1]["content"].split()) == pytest.approx(225, abs=7)
        assert 900 < len(written) < 1200


def test_the_stand_ins_answers_are_what_the_dialects_say() -> None:
    from bench import chat_gateways as gateways  # noqa: PLC0415 - see bench_is_importable

    for dialect, body in (
        ("openai_chat", gateways.COMPLETION),
        ("anthropic_messages", gateways.MESSAGE),
        ("openai_responses", gateways.RESPONSE),
    ):
        written = json.dumps(body).encode()
        assert 900 < len(written) < 1900
        usage = find(dialect).measure(written)
        assert usage is not None
        assert (usage.input, usage.output) == (200, 140)
        assert gateways.TEXT.encode() in written
        assert b"'" not in written  # it stands in single quotes


def test_the_load_generator_sends_the_body_that_was_written(tmp_path: Path) -> None:
    from bench import load  # noqa: PLC0415 - see bench_is_importable

    body = json.dumps({"said": 'a "quote", a \\ and\na line'})
    sent = load.post(tmp_path / "scripts" / "a.lua", "/v1/x", body)
    line = next(line for line in sent.script.read_text().splitlines() if "wrk.body" in line)
    assert json.loads(line.partition(" = ")[2]) == body
    command = load.command(80, 1, sent=sent)
    assert command[-1].endswith(":80/v1/x")
    assert command[command.index("-s") + 1] == str(sent.script)
    with pytest.raises(ValueError, match="Lua"):
        load.post(tmp_path / "b.lua", "/", "é")


def test_a_gateway_that_answers_otherwise_than_the_stand_in_is_not_measured(tmp_path: Path) -> None:
    from bench import chat, peers  # noqa: PLC0415 - see bench_is_importable
    from bench.chat_gateways import CHAT, Way, stand_in  # noqa: PLC0415 - same

    provider = stand_in(tmp_path / "provider")
    wrong = peers.upstream(tmp_path / "wrong")
    try:
        way = Way("way", CHAT, "a-model", ("Authorization: Bearer key",))
        body = chat.body_of(way, 20)
        assert chat.trial(provider.port, way, body) is None
        assert (chat.trial(wrong.port, way, body) or "").startswith("answered 200: ")
        other = Way("way", "/elsewhere", "a-model")
        assert (chat.trial(provider.port, other, body) or "").startswith("answered 404: ")
    finally:
        provider.stop()
        wrong.stop()


def test_a_peer_that_cannot_be_installed_says_why() -> None:
    from bench import chat_gateways  # noqa: PLC0415 - see bench_is_importable
    from bench.processes import Missing  # noqa: PLC0415 - same

    fails = [sys.executable, "-c", "raise SystemExit('there is no network')"]
    with pytest.raises(Missing, match="a-peer, which cannot be installed: there is no network"):
        chat_gateways._install(fails, "a-peer")


def test_calls_have_bounds_and_stand_beside_sluicegates_of_the_same_way() -> None:
    from bench import chat  # noqa: PLC0415 - see bench_is_importable
    from bench.chat_gateways import PASSED, TO_ANTHROPIC  # noqa: PLC0415 - same
    from bench.cost import Row  # noqa: PLC0415 - same
    from bench.load import Load  # noqa: PLC0415 - same
    from bench.report import call_table  # noqa: PLC0415 - same

    loads = [Load(10, 1.0, 1.0, 2.0, 0)]
    rows = [
        Row(f"Sluicegate: {PASSED}", [80.0, 120.0, 90.0], loads=loads),
        Row(f"Sluicegate: {TO_ANTHROPIC}", [251.0], loads=loads),
        Row(f"LiteLLM: {PASSED}", [9000.0], loads=loads),
    ]
    assert [(one.value, one.holds) for one in chat.costs(rows)] == [(90.0, True), (251.0, False)]
    ratios = [line.split("|")[-2].strip() for line in call_table(rows).splitlines()[2:]]
    assert ratios == ["1.00", "1.00", "100.00"]


def test_times_of_events_are_read_wherever_the_bytes_are_cut() -> None:
    from bench import chat_streams, stream_source  # noqa: PLC0415 - see bench_is_importable

    sent = [10**18 + number for number in range(3)]
    whole = stream_source.FIRST + b"".join(
        b"%b@%019d%b" % (stream_source.BEFORE, stamp, stream_source.AFTER) for stamp in sent
    )
    for cut in range(len(whole) + 1):
        first, left = chat_streams.stamps_in(whole[:cut])
        second, _ = chat_streams.stamps_in(left + whole[cut:])
        assert first + second == sent


def test_the_events_of_the_source_are_chunks_of_a_completion() -> None:
    from bench import stream_source  # noqa: PLC0415 - see bench_is_importable

    dialect = find("openai_chat")
    framing, reader = dialect.framing(), dialect.reader()
    events = []
    for chunk in (stream_source.FIRST, stream_source.event({"content": "said"})):
        size, _, rest = chunk.partition(b"\r\n")
        assert len(rest) - 2 == int(size, 16)
        for frame in framing.feed(rest[:-2]):
            events += reader.read(frame)
    assert "said" in repr(events[-1])


def test_streams_that_broke_off_or_fell_behind_are_told() -> None:
    from bench.chat_streams import Seen, figures_of  # noqa: PLC0415 - see bench_is_importable

    alone = [Seen([1.0] * 1000, 1.0, 20), Seen([5.0] * 1000, 1.0, 20)]
    kept = [Seen([3.0] * 1000, 1.0, 20, 0.02), Seen([50.0] * 1000, 1.0, 20, 0.05)]
    added, _, cost, lost = figures_of("a", 10, alone, kept, 20)
    assert (added.value, added.holds, cost.value, lost.value) == (2.0, True, pytest.approx(20), 0)
    broken = [Seen([1.0] * 1000, 1.0, 18, 0.02), kept[0]]
    assert figures_of("a", 10, alone, broken, 20)[3].value == 2
    slow = [Seen([1.0] * 500, 1.0, 20, 0.02)]
    assert figures_of("a", 10, alone, slow, 20)[3].value == 10
    assert math.isnan(figures_of("a", 10, alone, [Seen([], 1.0, 0)], 20)[0].value)


def test_streams_are_read_from_a_real_source(tmp_path: Path) -> None:
    from bench import chat_streams, processes  # noqa: PLC0415 - see bench_is_importable
    from bench.chat_gateways import CHAT  # noqa: PLC0415 - same

    port = Ports().free()
    command = [sys.executable, "-m", "bench.stream_source", str(port), "50"]
    source = processes.start(command, port, tmp_path, {"PYTHONPATH": str(ROOT)})
    try:
        seen = chat_streams.read(port, 3, 0.5, chat_streams.request(CHAT))
    finally:
        source.stop()
    assert seen.open == 3
    assert seen.times_ms
    assert min(seen.times_ms) >= 0


def test_calls_prompts_and_streams_are_measured_in_one_run() -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--pure", "--part", "chat"]
    command += ["--only", "^Sluicegate$", "--no-result"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert not done.stderr, done.stderr
    for name in (
        "Sluicegate: OpenAI → OpenAI",
        "Sluicegate: OpenAI → Anthropic",
        "Sluicegate: Anthropic → OpenAI",
        "added to a prompt of 100,000 tokens",
        "20 streams of 50 events/s",
        "passed through: added p99 per event",
        "50 identical calls at a time: calls of the provider",
    ):
        assert name in done.stdout
    assert "not measured" not in done.stdout
