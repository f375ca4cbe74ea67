"""Whatever a provider answers within what a call asks for costs no more than was reserved."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sluicegate.journey.dispatch.model.metering import Meter
from sluicegate.journey.limit.forecast import Forecast
from sluicegate.llm import dialects
from sluicegate.llm.call import ModelCall
from sluicegate.llm.canonical import (
    Answer,
    Begun,
    Choice,
    Delta,
    Ended,
    Event,
    PartBegun,
    PartEnded,
    Request,
    Stop,
    Stopped,
    Text,
    Usage,
    Used,
)
from sluicegate.llm.dialect import Dialect
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.price_book import PriceBook
from sluicegate.llm.tokens import Estimator
from sluicegate.model.model import Deployment as DeploymentConfig
from sluicegate.model.price import Price
from sluicegate.upstream.models.deployment import Deployment
from support.budgets import BudgetWorld
from support.effort import THOROUGH
from support.llm_goldens import chat_dialects
from support.model_pools import ModelWorld

FEW = settings(max_examples=1000 if THOROUGH else 40, deadline=None)
BOOK = PriceBook()
OWN = Price(
    input=3, output=9, cached=1, cache_write=5, cache_write_1h=8, reasoning=11, audio_input=40,
    audio_output=80, image_input=6, image_output=30, call="0.01",
)  # fmt: skip
"""Every sort has its own price."""
KNOWN = {
    "openai_chat": [("openai", "gpt-5.4"), ("openai", "gpt-4o"), ("deepseek", "deepseek-v4-pro")],
    "openai_responses": [("openai", "gpt-6-sol"), ("azure", "gpt-5.5")],
    "anthropic_messages": [("anthropic", "claude-opus-5"), ("vertex", "claude-opus-5-5")],
    "gemini_generate": [("gemini", "gemini-3.8-flash-tts"), ("vertex", "gemini-2.5-pro")],
    "bedrock_converse": [("bedrock", "anthropic.claude-opus-4-5-20251101-v1:0")],
    "cohere_chat": [("cohere", "command-r-plus")],
}
ANY = ["", "flex", "priority", "fast", "default"]
"""What a project may have set at OpenAI, for calls that say `auto` or nothing."""
FAST = {"anthropic_messages": "speed"}
CAPS = {
    "openai_chat": "max_tokens",
    "openai_responses": "max_output_tokens",
    "anthropic_messages": "max_tokens",
    "cohere_chat": "max_tokens",
}
IMAGE: dict[str, Any] = {
    "openai_chat": {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
    "openai_responses": {"type": "input_image", "image_url": "data:image/png;base64,AAAA"},
    "anthropic_messages": {"type": "image", "source": {"type": "base64", "data": "AAAA"}},
    "gemini_generate": {"inlineData": {"mimeType": "image/png", "data": "AAAA"}},
    "bedrock_converse": {"image": {"format": "png", "source": {"bytes": "AAAA"}}},
    "cohere_chat": {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
}


class Case:
    """A call, who answers it, and what the answer may be."""

    def __init__(self, draw: st.DrawFn, name: str) -> None:
        kind, model = draw(st.sampled_from([*KNOWN.get(name, []), ("ollama", "own")]))
        world = ModelWorld()
        link: Any = SimpleNamespace(
            name="a",
            config=SimpleNamespace(kind=kind),
            dialect_for=lambda _model, caller, _own: caller,
        )
        own = OWN if kind == "ollama" else None
        config = DeploymentConfig(provider="a", model=model, price=own)
        limits: Any = SimpleNamespace(failures=3)
        shared: Any = world.cooldowns
        self.deployment = Deployment(
            "m", config, link, world.clock, limits, shared, None, prices=BOOK
        )
        self.world = world
        self.cap = draw(st.none() | st.integers(min_value=1, max_value=5000))
        self.answers = draw(st.integers(min_value=1, max_value=3))
        self.asked = draw(st.sampled_from(["", "auto", "flex", "priority", "fast", "default"]))
        self.image = draw(st.booleans())
        self.hour = draw(st.booleans())
        # Long prompts have dearer rates: the body is as long as they are.
        self.text = draw(st.sampled_from(["Hello.", "word " * 100, "x" * 300_000]))
        self.tier = self._tier(draw, name, kind)
        self.call = self._call(name)

    def _tier(self, draw: st.DrawFn, name: str, kind: str) -> str:
        if name == "cohere_chat":
            return ""
        if kind in ("openai", "azure") and self.asked in ("", "auto"):
            return draw(st.sampled_from(ANY))
        return draw(st.sampled_from([self.asked.replace("auto", ""), "default"]))

    def _call(self, name: str) -> ModelCall:
        part: dict[str, Any] = {"type": "text", "text": self.text}
        if self.hour:
            part["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
        parts = [part, IMAGE[name]] if self.image and name in IMAGE else [part]
        turn = {"role": "user", "parts" if name == "gemini_generate" else "content": parts}
        turns = {"openai_responses": "input", "gemini_generate": "contents"}
        fields: dict[str, Any] = {turns.get(name, "messages"): [turn]}
        if name in CAPS:
            fields |= {} if self.cap is None else {CAPS[name]: self.cap}
        elif name == "gemini_generate":
            capped = {} if self.cap is None else {"maxOutputTokens": self.cap}
            fields["generationConfig"] = {"candidateCount": self.answers, **capped}
        else:
            fields["inferenceConfig"] = {} if self.cap is None else {"maxTokens": self.cap}
        if name == "openai_chat":
            fields["n"] = self.answers
        elif name != "gemini_generate":
            self.answers = 1
        if self.asked == "fast" and name in FAST:
            fields["speed"] = "fast"
        elif self.asked:
            asked = {"type": self.asked} if name == "bedrock_converse" else self.asked
            camel = name in ("bedrock_converse", "gemini_generate")
            fields["serviceTier" if camel else "service_tier"] = asked
        call = ModelCall(Endpoint("call", name), "m")
        call.body = msgspec.json.encode(fields)
        call.fields = msgspec.json.decode(call.body, type=dict[str, msgspec.Raw])
        config: Any = SimpleNamespace(fallbacks=[], hedge=None, attempts=3)
        call.pool = cast("Any", SimpleNamespace(deployments=[self.deployment], config=config))
        return call

    def usage(self, draw: st.DrawFn) -> Usage:
        """Return what a provider may count."""
        tariff = self.deployment.tariff("m")
        assert tariff is not None
        longest = self.cap or tariff.longest or 131_072
        incoming, outgoing = len(self.text), draw(near(longest * self.answers))
        seen = draw(near(50_000 if self.image else 0))
        cached = draw(near(incoming))
        written = draw(near(incoming - cached))
        thought = draw(near(outgoing))
        return Usage(
            input=incoming + seen,
            output=outgoing,
            cached=cached,
            cache_write=written,
            cache_write_1h=draw(near(written)) if self.hour else 0,
            image_input=seen,
            reasoning=thought,
            image_output=draw(near(outgoing - thought)),
            tier=self.tier,
        )


def near(most: int) -> st.SearchStrategy[int]:
    """Return a number from 0 up, the most often."""
    return st.just(most) | st.integers(min_value=0, max_value=most)


def answered(dialect: Dialect, usage: Usage, *, streamed: bool) -> Usage | None:
    """Return what is read of an answer that the dialect has written."""
    request = Request(dialect="", model="m", messages=[], stream_usage=True)
    tier, stop = usage.tier or None, Stop(reason="end")
    if not streamed:
        choice = Choice(index=0, parts=[Text(text="Hello.")], stop=stop)
        answer = Answer(
            id="a", model="m", created=1, choices=[choice], usage=usage, service_tier=tier
        )
        return dialect.measure(dialect.write_answer(answer, request))
    writer, reader = dialect.writer(request), dialect.reader()
    said: list[Event] = [PartBegun(0, 0, Text(text="")), Delta(0, 0, "Hello."), PartEnded(0, 0)]
    events = [
        Begun("a", "m", 1, None, tier), *said, Stopped(0, stop), Used(usage), Ended(),
    ]  # fmt: skip
    raw = b"".join(writer.write([event]) for event in events)
    read = [event for frame in dialect.framing().feed(raw) for event in reader.read(frame)]
    return [event.usage for event in read if isinstance(event, Used)][-1]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("name", chat_dialects())
@FEW
@given(data=st.data())
def test_no_answer_costs_more_than_was_reserved(
    name: str,
    streamed: bool,  # noqa: FBT001 - one of the parameters
    data: st.DataObject,
) -> None:
    case = data.draw(st.composite(Case)(name))
    usage = data.draw(st.composite(case.usage)())
    asked = BudgetWorld().asked()
    reserved = Forecast(Estimator()).cost(asked, case.call, most=True)
    case.world.clock.advance(data.draw(st.integers(min_value=0, max_value=40 * 86_400)))

    read = answered(dialects.find(name), usage, streamed=streamed)
    charge = Meter(Estimator()).charge(
        case.call, case.deployment, "m", read, counted=True, produced=10
    )

    assert read is not None
    assert read.total == usage.total
    assert charge is not None
    assert charge.cost is not None
    assert reserved is not None
    assert charge.cost <= reserved
