from __future__ import annotations

import json
from typing import get_args

import pytest

from sluicegate import errors as problems
from sluicegate.errors import (
    OVERLOADED,
    QUOTA_EXCEEDED,
    UNAUTHENTICATED,
    UNAVAILABLE,
    ConnectFailed,
    ConnectTimeout,
    CredentialsAway,
    PoolFull,
    Problem,
    Refused,
    UpstreamError,
    UpstreamInvalid,
    UpstreamReset,
    UpstreamTimeout,
)
from sluicegate.journey.dispatch.model.errors import (
    OF_STATUS,
    PROBLEMS,
    ErrorForm,
    bad_answer,
    known,
    of_error,
    shown,
    status_of,
    tell,
    unavailable,
)
from sluicegate.llm.call import ModelCall
from sluicegate.llm.dialects import find
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.failure import Failure, Kind
from support.exchanges import exchange, sink

KINDS: tuple[Kind, ...] = get_args(Kind)
CALLERS = ["openai_chat", "openai_responses", "anthropic_messages", "gemini_generate"]


def form(dialect: str = "openai_chat") -> ErrorForm:
    return ErrorForm(find(dialect))


def failure(kind: Kind, status: int = 500, **more: object) -> Failure:
    return Failure(kind=kind, status=status, message="it failed", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("dialect", CALLERS)
@pytest.mark.parametrize("problem", problems.PROBLEMS, ids=lambda each: each.slug)
def test_every_local_answer_has_a_body_in_every_dialect(problem: Problem, dialect: str) -> None:
    status, media, body = form(dialect).refusal(problem, "in detail", "request-1")
    assert media == b"application/json"
    assert "in detail" in body.decode()
    assert isinstance(json.loads(body)["error"], dict)
    assert status == (529 if problem is OVERLOADED and "anthropic" in dialect else problem.status)


@pytest.mark.parametrize("problem", problems.PROBLEMS, ids=lambda each: each.slug)
def test_what_the_caller_did_wrong_is_never_called_a_servers_error(problem: Problem) -> None:
    _, _, body = form("anthropic_messages").refusal(problem, None, "request-1")
    kind = json.loads(body)["error"]["type"]
    assert (kind in ("api_error", "overloaded_error", "timeout_error")) == (problem.status >= 499)


def test_a_refusal_is_told_as_the_sdk_reads_it() -> None:
    _, _, limited = form("anthropic_messages").refusal(QUOTA_EXCEEDED, None, "r")
    assert json.loads(limited)["error"]["type"] == "rate_limit_error"
    _, _, unknown = form("openai_chat").refusal(UNAUTHENTICATED, None, "r")
    assert json.loads(unknown)["error"]["code"] == "unauthenticated"


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_failure_is_some_problem(kind: Kind) -> None:
    assert kind in PROBLEMS
    assert kind in OF_STATUS.values() or kind in {
        "unsupported", "context_length", "content_filter", "quota", "overloaded", "unreachable",
    }  # fmt: skip


def test_overloaded_has_another_status_at_anthropic() -> None:
    overloaded = failure("overloaded", 503)
    assert status_of(overloaded, find("anthropic_messages")) == 529
    assert status_of(overloaded, find("openai_chat")) == 503
    assert known(failure("overloaded", 529), find("gemini_generate")).status == 503
    assert known(overloaded, find("openai_chat")) is overloaded


@pytest.mark.parametrize("kind", ["authentication", "permission"])
def test_what_a_provider_says_of_our_credentials_is_ours(kind: Kind) -> None:
    said = shown(failure(kind, 401))
    assert (said.kind, said.status, said.code) == ("server_error", 502, "provider_credentials")
    assert "it failed" not in said.message
    own = failure(kind, 401, ours=True)
    assert shown(own) is own


@pytest.mark.parametrize("kind", sorted(set(KINDS) - {"authentication", "permission"}))
def test_everything_else_is_the_callers_to_know(kind: Kind) -> None:
    said = failure(kind)
    assert shown(said) is said


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (UpstreamTimeout(), "timeout", 504),
        (ConnectFailed("10.0.0.1"), "unreachable", 503),
        (ConnectTimeout(), "unreachable", 503),
        (CredentialsAway("10.0.0.1"), "unreachable", 503),
        (PoolFull(), "unreachable", 503),
        (UpstreamReset(""), "bad_answer", 502),
        (UpstreamInvalid("10.0.0.1"), "bad_answer", 502),
        (UpstreamError(), "bad_answer", 502),
        (Refused(UNAVAILABLE, "busy"), "unavailable", 503),
        (RuntimeError("10.0.0.1"), "bad_answer", 502),
    ],
)
def test_a_failed_attempt_is_a_failure_that_names_no_address(
    error: Exception, kind: Kind, status: int
) -> None:
    made = of_error(error)
    assert (made.kind, made.status, made.ours) == (kind, status, True)
    assert "10.0.0.1" not in made.message


def test_a_failure_is_answered_with_its_status_its_body_and_when_to_come_again() -> None:
    asked = exchange()
    asked.call = ModelCall(Endpoint("call", "openai_chat"), "m")
    failed = unavailable("nobody is there", 1.2)
    tell(asked, form(), failed)
    got = sink(asked)
    assert got.status == 503
    assert got.header("retry-after") == "2"
    assert got.header("content-type") == "application/json"
    assert got.header("cache-control") == "no-store"
    assert json.loads(got.body)["error"]["message"] == "nobody is there"
    assert asked.problem is UNAVAILABLE
    assert asked.outcome == "unavailable"
    assert asked.call.failure is failed


def test_the_providers_own_words_are_passed_on_where_they_are_given() -> None:
    asked = exchange()
    tell(asked, form(), bad_answer("ours"), b'{"theirs": 1}')
    assert sink(asked).body == b'{"theirs": 1}'
    assert sink(asked).status == 502


def test_nothing_is_told_once_a_head_was_sent() -> None:
    asked = exchange()
    asked.respond(200, [], b"said")
    tell(asked, form(), bad_answer("late"))
    assert sink(asked).status == 200
    assert sink(asked).body == b"said"
