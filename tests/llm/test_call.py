from __future__ import annotations

from sluicegate.llm.call import ModelCall, Overrides
from sluicegate.llm.endpoint import Endpoint


def test_a_call_begins_with_what_the_path_says() -> None:
    endpoint = Endpoint("call", "gemini_generate")
    endpoint.stream = True
    call = ModelCall(endpoint, "gemini-flash")
    assert call.asked == "gemini-flash"
    assert call.stream
    assert call.alias is None
    assert call.pool is None
    assert call.overrides is None
    assert call.failure is None


def test_two_calls_share_nothing() -> None:
    endpoint = Endpoint("call", "openai_chat")
    first, second = ModelCall(endpoint, "a"), ModelCall(endpoint, "a")
    first.dropped.append("seed")
    first.allows.append(bool)
    assert second.dropped == []
    assert second.allows == []
    assert second.fields == {}


def test_headers_that_say_nothing_leave_everything_as_it_is() -> None:
    said = Overrides()
    assert said.deployment is None
    assert said.fallback
    assert said.timeout_s is None
