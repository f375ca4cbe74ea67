"""What calls cost: in headers, in the last comment of a stream, in the ledger and in the budget."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from itertools import product

from money.storm import Answered, Storm
from money.world import NANO, UNTAUGHT, Run, World, dollars
from outages.replica import Replica
from outages.report import Report
from sluicegate.llm import dialects
from sluicegate.llm.canonical import Used
from sluicegate.llm.produced import produced
from sluicegate.llm.tokens import START_BYTES
from support.model_front import CALLERS, KINDS, told_of
from support.ports import eventually
from support.raw_http import Answer, connect
from support.scripted_provider import GOLDEN, cut, frames, stall, stream_of
from support.stream_comments import told

SCENARIOS = ("text", "cached", "reasoning")
UNCOUNTED = {"cached": ("gemini_generate", "cohere_chat"),
             "reasoning": ("bedrock_converse", "cohere_chat")}  # fmt: skip
"""Dialects that do not tell what was written to a cache, or how much of the output was thought."""
PER_TOKEN = {"input": 3000, "cached": 300, "cache_write": 3750, "output": 15_000,
             "reasoning": 20_000}  # fmt: skip
"""Nano-USD, as `world.EVERY_PRICE` has it."""
TOKENS = {
    "text": {"input": 12, "output": 9},
    "cached": {"input": 1000, "output": 5, "cached": 800, "cache_write": 100},
    "reasoning": {"input": 10, "output": 8, "reasoning": 6},
}
"""Of the goldens."""


@dataclass(frozen=True)
class Charged:
    """What one call cost, wherever that is said, in nano-USD. `told` is None where nobody is."""

    told: int | None
    ledger: int
    budget: int


def price(tokens: dict[str, int]) -> int:
    """Return what tokens cost, by hand."""
    rest = {"input": tokens["input"], "output": tokens["output"]}
    cost = 0
    for part, whole in (("cached", "input"), ("cache_write", "input"), ("reasoning", "output")):
        rest[whole] -= tokens.get(part, 0)
        cost += tokens.get(part, 0) * PER_TOKEN[part]
    return cost + sum(count * PER_TOKEN[part] for part, count in rest.items())


def expected(scenario: str, dialect: str) -> int:
    """Return what a scenario costs, by what its dialect tells."""
    tokens = dict(TOKENS[scenario])
    if dialect in UNCOUNTED.get(scenario, ()):
        tokens.pop("cache_write", None)
        tokens.pop("reasoning", None)
    return price(tokens)


def said_cost(caller: str, answer: Answered, *, stream: bool) -> int | None:
    """Return what an answer says that it cost; None where a stream has no place for that."""
    if not stream:
        text = answer.headers.get("sluicegate-cost", "0")
    elif caller == "gemini":
        return None
    else:
        text = told(answer.body)[1].get("cost", "0")
    return int(Decimal(text) * NANO)


def same_everywhere(world: World, scenario: str) -> Report:
    """Call each dialect of provider by each of caller, plain and streamed."""
    report = Report(f"a call costs the same, plain and streamed: {scenario}")
    cases = list(product(KINDS, CALLERS, (False, True)))
    runs = [world.run("plenty", dialect, f"scenario-{scenario}") for dialect, _, _ in cases]
    calls = [
        run.call(caller, stream=stream)
        for run, (_, caller, stream) in zip(runs, cases, strict=True)
    ]
    answers = [Storm(world.ports, [call]).run()[0] for call in calls]
    world.settled()
    found: dict[str, set[int]] = {dialect: set() for dialect in KINDS}
    for run, (dialect, caller, stream), answer in zip(runs, cases, answers, strict=True):
        what = f"{caller} to {dialect}, {'streamed' if stream else 'plain'}"
        report.must(answer.status == 200, f"{what}: {answer.status} {answer.body[:300]!r}")
        if answer.status != 200:
            continue
        wanted = expected(scenario, dialect)
        entries = world.entries(run)
        told_ = said_cost(caller, answer, stream=stream)
        charged = Charged(told_, entries[0]["cost_nano_usd"], world.counted(run)[0])
        report.must(
            len(entries) == 1
            and charged == Charged(told_ if told_ is None else wanted, wanted, wanted)
            and not entries[0]["estimated"],
            f"{what}: {charged}, not {wanted}",
        )
        found[dialect].add(charged.ledger)
    for dialect, costs in found.items():
        report.note(f"{dialect}: {2 * len(CALLERS)} calls, $ each", _listed(costs))
    return report


def invisible(world: World) -> Report:
    """Ask for a stream without its usage: what comes is what the provider would have sent."""
    report = Report("usage that nobody asked for")
    for sort, caller in (("openai_chat", "chat"), ("old", "completions")):
        run = world.run("plenty", sort, "scenario-text")
        call = run.call(stream=True)
        if caller == "completions":
            call = run.call(stream=True, prompt="Say something.")
            call = call.replace(b"/v1/chat/completions", b"/v1/completions")
        asked = len(world.provider.calls)
        (answer,) = Storm(world.ports, [call]).run()
        sent = world.provider.calls[asked]
        options = sent.content.get("stream_options")
        report.must(options == {"include_usage": True}, f"{caller}: asked for {options}")
        stream, said = told(answer.body)
        wanted = unasked(stream_of(GOLDEN / sent.dialect, "text"))
        report.must(stream == wanted, f"{caller}: {stream!r}, not {wanted!r}")
        report.must(b'"usage"' not in stream, f"{caller}: usage is in the stream")
        report.must("cost" in said, f"{caller}: no cost behind it: {said}")
        report.note(f"{caller}: bytes passed, of the provider's", (len(wanted), len(stream)))
    return report


def unasked(stream: bytes) -> bytes:
    """Return a stream as the provider sends it to who does not ask for usage."""
    kept = [each for each in frames(stream, "") if b'"choices":[]' not in each]
    return b"".join(kept).replace(b',"usage":null', b"")


def cut_streams(world: World, *, leaves: bool) -> Report:
    """End a stream in its middle, by its provider or by a caller who `leaves`.

    Nobody has counted its tokens then: those of the text that has passed are charged.
    """
    report = Report(f"a stream that {'its caller leaves' if leaves else 'its provider cuts'}")
    cases = list(product(CALLERS, KINDS))
    runs = [world.run("plenty", UNTAUGHT + dialect) for _, dialect in cases]
    for run, (caller, dialect) in zip(runs, cases, strict=True):
        world.provider.play(run.model, stall() if leaves else cut())
        if leaves:
            _leave(world, run, caller, _first_half(dialect)[0])
            continue
        (answer,) = Storm(world.ports, [run.call(caller, stream=True)]).run()
        ended = told_of(caller, raw(answer), stream=True)
        report.must(ended.honest, f"{caller} to {dialect}: it looks whole: {answer.body!r}")
    world.settled()
    for run, (caller, dialect) in zip(runs, cases, strict=True):
        wrong = _charged_wrongly(world, run, dialect)
        report.must(not wrong, f"{caller} to {dialect}: {wrong}")
    right = len(cases) - len(report.wrong)
    report.note("charged for what was produced, as `estimated`", f"{right} of {len(cases)}")
    return report


def _charged_wrongly(world: World, run: Run, dialect: str) -> str:
    """Say what is wrong with the line of a stream that has not ended."""
    made, counted = _first_half(dialect)
    entries = world.entries(run)
    if len(entries) != 1:
        return f"{len(entries)} lines"
    (entry,) = entries
    output = max(counted, int(made / START_BYTES) + 1)
    cost = price({"input": entry["input_tokens"], "output": output})
    if not entry["estimated"] or entry["output_tokens"] != output or not entry["input_tokens"]:
        return f"{made} bytes, so {output} tokens: {entry}"
    if entry["cost_nano_usd"] != cost or world.counted(run) != (cost, 0):
        return f"{entry['cost_nano_usd']}, {world.counted(run)}, not {cost}"
    return ""


def _first_half(dialect: str) -> tuple[int, int]:
    """Return the bytes of text in the first half of a stream, and the output tokens it tells."""
    sent = frames(stream_of(GOLDEN / dialect, "text"), dialect)
    spoken = dialects.find(dialect)
    framing, reader = spoken.framing(), spoken.reader()
    made = counted = 0
    for frame in framing.feed(b"".join(sent[: len(sent) // 2])):
        for event in reader.read(frame):
            made += produced([event])
            if isinstance(event, Used):
                counted = event.usage.output
    return made, counted


def _leave(world: World, run: Run, caller: str, made: int) -> None:
    """Read until all that was said has come, then leave."""
    with connect(world.ports[0], timeout_s=20) as client:
        client.send(run.call(caller, stream=True))
        head = client.head()
        assert head.status == 200, head
        stream = b""
        while len(_text(caller, stream)) < made:
            stream += client.chunk()
        client.reset()


def _text(caller: str, stream: bytes) -> str:
    """Return the text of those frames that are whole."""
    before, end, _ = stream.replace(b"\r\n", b"\n").rpartition(b"\n\n")
    if not end:
        return ""
    return told_of(caller, raw(Answered(200, {}, before + end)), stream=True).text


def raw(answer: Answered) -> Answer:
    """Return an answer as `told_of` takes it."""
    return Answer(answer.status, "", list(answer.headers.items()), answer.body)


def _listed(costs: set[int]) -> str:
    return ", ".join(map(dollars, sorted(costs)))


def given_again(world: World) -> Report:
    """Ask the same twice: the second answer comes from the cache, and costs nothing."""
    report = Report("a hit of the cache")
    for caller, stream in product(CALLERS, (False, True)):
        run = world.run("kept", "openai_chat")
        world.play(run, "cached")
        told_ = []
        for _ in range(2):
            (answer,) = Storm(world.ports[:1], [run.call(caller, stream=stream)]).run()
            told_.append(said_cost(caller, answer, stream=stream))
            report.must(answer.status == 200, f"{answer.status}")
        world.settled()
        cost, what = expected("cached", "openai_chat"), f"{caller}, stream: {stream}"
        found = sorted((each["cost_nano_usd"], each["from_cache"]) for each in world.entries(run))
        report.must(world.asked(run) == 1, f"{what}: {world.asked(run)} calls upstream")
        report.must(told_ in ([cost, 0], [None, None]), f"{what}: told {told_}")
        report.must(found == [(0, True), (cost, False)], f"{what}: {found}")
        report.must(world.counted(run) == (cost, 0), f"{what}: {world.counted(run)}")
    report.note("costs of the first and the second, $", (dollars(cost), "0"))
    return report


def joined(world: World, callers: int) -> Report:
    """Ask the same that often at once, of one worker and of two."""
    report = Report(f"{callers} identical calls at once")
    for replica in world.replicas:
        run = world.run("joined", "openai_chat")
        before = _in_flight(replica)
        flow = world.play(run, held=True)
        storm = Storm([replica.port], [run.call()] * callers)
        with storm.under_way():
            try:
                eventually(
                    lambda replica=replica, before=before: _in_flight(replica) - before == callers,
                    "all are on the flights",
                    within_s=30,
                    every_s=0.05,
                )
            finally:
                flow.let_go()
        world.settled()
        upstream, cost = world.asked(run), expected("text", "openai_chat")
        what = f"workers: {replica.workers}"
        report.note(f"{what}; calls upstream", upstream)
        report.must(set(storm.statuses) == {200}, f"{what}: {storm.statuses}")
        report.must(1 <= upstream <= replica.workers, f"{what}: {upstream} calls upstream")
        charged = world.charged(run)
        report.note(f"{what}; charged calls", len(charged))
        report.must(charged == [cost] * upstream, f"{what}: charged {charged}")
        report.must(world.counted(run) == (cost * upstream, 0), f"{what}: {world.counted(run)}")
        bodies = {json.dumps(each.said) for each in storm.answers}
        report.must(len(bodies) == 1, f"{what}: {len(bodies)} different answers")
    return report


def _in_flight(replica: Replica) -> float:
    """Return how many calls have led or joined a flight."""
    name = "sluicegate_single_flight_total{"
    found = replica.gateway.metrics().items()
    return sum(
        count
        for sample, count in found
        if sample.startswith(name) and ('"led"' in sample or '"joined"' in sample)
    )
