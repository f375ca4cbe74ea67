"""Who is asked for a model: by priority, weight, limits, session and rest, and who may ask."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from support.front import Options
from support.model_front import TEXT, ModelFront, config, model_front, provider, request
from support.ports import free_port
from support.scripted_provider import Play, answer, error, golden, silence, slow
from support.upstreams import Talk

A, B = {"provider": "a", "model": "a"}, {"provider": "b", "model": "b"}
FAILS = answer(500, b"{}")
WELL = golden("text")


def two(model: Options, **others: Any) -> Any:
    """Return a writer of a configuration with the model `m` and two providers."""

    def write(urls: list[str]) -> Options:
        providers = {"a": provider(urls[0]), "b": provider(urls[1], "anthropic_messages")}
        models = {"m": model, "other": {"deployments": [B]}}
        return config(providers, models, **others)

    return write


def plays(at: ModelFront, a: Play = WELL, b: Play = WELL, *more: Play) -> None:
    """Have `a` play these in turn behind the first, and `b` its own."""
    at.providers[0].play("a", a, *more)
    at.providers[1].play("b", b)


def asked(at: ModelFront) -> tuple[int, int]:
    """Return how often each provider was asked."""
    return len(at.providers[0].calls), len(at.providers[1].calls)


def by(at: ModelFront, *headers: str, times: int = 1, **options: Any) -> str:
    """Ask so often, and return who answered, by a letter each."""
    found = ""
    for _ in range(times):
        told = at.ask("chat", "m", *headers, **options)
        assert told.whole, told
        found += told.headers["sluicegate-provider"]
    return found


def test_those_who_stand_by_are_asked_while_the_first_ones_rest(tmp_path: Path) -> None:
    cooldown = {"failures": 2, "time": "30s"}
    model = {"deployments": [A, B | {"priority": 1}], "cooldown": cooldown}
    with model_front(tmp_path, two(model)) as at:
        plays(at, WELL, WELL, FAILS, FAILS, WELL)
        assert by(at, times=4) == "abbb"
        assert asked(at) == (3, 3)
        at.advance(30)
        assert by(at, times=2) == "aa"
        assert at.plane.counted("sluicegate_model_cooldowns_total", "m", "server_error") == 1


def test_a_success_between_two_failures_keeps_a_deployment_in(tmp_path: Path) -> None:
    model = {"deployments": [A, B | {"priority": 1}], "cooldown": {"failures": 2}}
    flapping = (FAILS, WELL) * 5
    with model_front(tmp_path, two(model)) as at:
        plays(at, WELL, WELL, *flapping)
        assert by(at, times=11) == "ababababababa"[:11]
        assert asked(at)[0] == 11


@pytest.mark.parametrize("stream", [False, True])
def test_retry_after_is_how_long_a_deployment_rests(tmp_path: Path, stream: bool) -> None:  # noqa: FBT001 - a parameter
    model = {"deployments": [A, B | {"priority": 1}]}
    told = answer(429, b"{}", {"Retry-After": "20"})
    with model_front(tmp_path, two(model)) as at:
        plays(at, told, WELL, WELL)
        assert by(at, stream=stream) == "b"
        assert 19 < at.deployment("m", "a/a").retry_after_s(at.clock.monotonic()) <= 20
        at.advance(17)
        assert by(at, stream=stream) == "b"
        at.advance(4)
        assert by(at, stream=stream) == "a"
        assert asked(at)[0] == 2


def test_a_rest_ends_after_the_longest_that_is_allowed(tmp_path: Path) -> None:
    model = {"deployments": [A, B | {"priority": 1}], "cooldown": {"time": "5s", "max_time": "10s"}}
    with model_front(tmp_path, two(model)) as at:
        plays(at, answer(429, b"{}", {"Retry-After": "7200"}), WELL, WELL)
        assert by(at) == "b"
        at.advance(11)
        assert by(at) == "a"


@pytest.mark.parametrize("stream", [False, True])
def test_alone_a_short_retry_after_is_waited_for(tmp_path: Path, stream: bool) -> None:  # noqa: FBT001 - a parameter
    with model_front(tmp_path, two({"deployments": [A]})) as at:
        plays(at, answer(429, b"{}", {"Retry-After": "3"}), WELL, WELL)
        began = at.clock.monotonic()
        told = at.ask("chat", "m", stream=stream)
        assert told.whole
        assert told.headers["sluicegate-attempts"] == "2"
        assert at.clock.monotonic() - began >= 3


def test_a_long_retry_after_is_told_to_the_caller_and_nobody_is_asked_meanwhile(
    tmp_path: Path,
) -> None:
    with model_front(tmp_path, two({"deployments": [A]})) as at:
        plays(at, answer(429, b"{}", {"Retry-After": "20"}), WELL, WELL)
        for most in (20, 19):
            told = at.ask("chat", "m")
            assert (told.status, told.honest) == (429, True)
            assert most - 2 < int(told.headers["retry-after"]) <= 20
        assert asked(at)[0] == 1
        at.advance(20)
        assert by(at) == "a"


def test_a_provider_that_is_not_there_is_left_for_another(tmp_path: Path) -> None:
    def write(urls: list[str]) -> Options:
        gone = provider(f"http://127.0.0.1:{free_port()}")
        models = {"m": {"deployments": [A, B | {"priority": 1}]}, "alone": {"deployments": [A]}}
        return config({"a": gone, "b": provider(urls[1], "anthropic_messages")}, models)

    with model_front(tmp_path, write) as at:
        plays(at)
        assert by(at, stream=True) == "b"
        told = at.ask("chat", "alone", stream=True)
        assert (told.status, told.error["code"]) == (503, "unreachable")


def test_refused_credentials_rest_and_are_never_shown(tmp_path: Path) -> None:
    model = {"deployments": [A, B | {"priority": 1}]}
    with model_front(tmp_path, two(model)) as at:
        plays(at, error("authentication"))
        assert by(at, times=3) == "bbb"
        assert asked(at)[0] == 1


@pytest.mark.parametrize("kind", ["context_length", "content_filter"])
@pytest.mark.parametrize("stream", [False, True])
def test_what_one_model_cannot_take_another_may(tmp_path: Path, kind: str, stream: bool) -> None:  # noqa: FBT001 - a parameter
    fallbacks = [{"model": "other", "on": [kind]}]
    second = A | {"name": "a2"}
    with model_front(tmp_path, two({"deployments": [A, second], "fallbacks": fallbacks})) as at:
        plays(at, error(kind))
        assert by(at, stream=stream) == "b"
        assert asked(at) == (1, 1)  # the second deployment would say the same
        assert at.plane.counted("sluicegate_model_fallbacks_total", "m", "other", kind) == 1


@pytest.mark.parametrize("kind", ["context_length", "content_filter", "invalid_request"])
def test_where_no_fallback_is_for_it_the_caller_is_told_at_once(tmp_path: Path, kind: str) -> None:
    model = {"deployments": [A, B], "fallbacks": [{"model": "other"}]}
    with model_front(tmp_path, two(model)) as at:
        plays(at, error(kind), error(kind))
        told = at.ask("chat", "m")
        assert (told.status, told.honest) == (400, True)
        assert sum(asked(at)) == 1
        if kind != "invalid_request":
            code = {"context_length": "context_length_exceeded"}.get(kind, kind)
            assert told.error["code"] == code


def test_weights_are_shares_and_nought_takes_none(tmp_path: Path) -> None:
    idle = {"provider": "b", "model": "idle", "weight": 0}
    model = {"deployments": [A | {"weight": 3}, B, idle]}
    with model_front(tmp_path, two(model)) as at:
        plays(at)
        assert Counter(by(at, times=12)) == {"a": 9, "b": 3}
        assert not at.providers[1].of("idle")


def test_a_session_stays_where_its_cache_is_while_that_can_be_had(tmp_path: Path) -> None:
    model = {
        "deployments": [A, B],
        "sticky": {"by": "header:x-session"},
        "cooldown": {"failures": 1},
    }
    with model_front(tmp_path, two(model)) as at:
        plays(at)
        places = {n: by(at, f"x-session: s{n}", times=2) for n in range(12)}
        assert {"aa", "bb"} == set(places.values())
        session = f"x-session: s{min(n for n, place in places.items() if place == 'aa')}"
        plays(at, FAILS, WELL, WELL)
        assert by(at, session, times=2) == "bb"
        at.advance(16)
        assert by(at, session, times=2) == "aa"


@pytest.mark.parametrize("stream", [False, True])
def test_a_late_first_token_is_hedged_and_the_slow_call_is_given_up(
    tmp_path: Path,
    stream: bool,  # noqa: FBT001 - a parameter
) -> None:
    hedge = {"percentile": 50, "max_share": 50, "min_delay": "1s"}
    model = {"deployments": [A, B | {"priority": 1}], "hedge": hedge}
    gone: list[str] = []

    async def late(talk: Talk, *_: object) -> None:
        gone.append("no")
        await talk.gone()
        gone.append("yes")
        raise ConnectionResetError

    with model_front(tmp_path, two(model)) as at:
        plays(at)
        by(at, times=52, stream=stream)
        plays(at, late)
        began = at.clock.monotonic()
        told = at.ask("chat", "m", stream=stream)
        assert told.whole
        assert (told.headers["sluicegate-provider"], told.headers["sluicegate-attempts"]) == (
            "b",
            "2",
        )
        assert 1 <= at.clock.monotonic() - began < 10
        at.wait(lambda: gone == ["no", "yes"], "the slow provider was told")
        assert at.plane.logs[-1]["deployment"] == "b/b"


# --- limits of deployments ---


def test_what_a_provider_lets_us_have_is_used_up_before_another_is_asked(tmp_path: Path) -> None:
    model = {"deployments": [A | {"allow": ["2/hour"]}, B | {"priority": 1}]}
    with model_front(tmp_path, two(model)) as at:
        plays(at)
        assert by(at, times=4) == "aabb"


def test_alone_a_used_up_allowance_is_a_429(tmp_path: Path) -> None:
    with model_front(tmp_path, two({"deployments": [A | {"allow": ["1/minute"]}]})) as at:
        plays(at)
        assert by(at) == "a"
        began = at.clock.monotonic()
        told = at.ask("chat", "m", stream=True)
        assert (told.status, told.honest) == (429, True)
        assert 30 <= int(told.headers["retry-after"]) <= 60
        assert at.clock.monotonic() - began < 5  # it is not worth waiting for
        at.advance(60)
        assert by(at) == "a"


def test_places_at_a_deployment_are_given_back_when_a_call_ends(tmp_path: Path) -> None:
    gate = asyncio.Event()
    model = {"deployments": [A | {"concurrent": 1}, B | {"priority": 1}]}
    with model_front(tmp_path, two(model)) as at:
        plays(at, slow(gate), WELL, WELL)
        with at.connect() as client:
            client.send(request("chat", "m", stream=True))
            at.wait(lambda: at.providers[0].calls, "the first call is under way")
            assert by(at) == "b"
            at.do(gate.set)
            assert client.answer().whole
        assert by(at) == "a"


# --- who may ask what ---


def test_a_caller_may_choose_where_its_plan_allows_it(tmp_path: Path) -> None:
    overrides = {"model_overrides": {"allow": ["deployment", "fallback", "timeout"]}}
    model = {"deployments": [A, B | {"priority": 1}], "fallbacks": [{"model": "other"}]}
    with model_front(tmp_path, two(model, on_route=[overrides])) as at:
        plays(at)
        assert by(at, "sluicegate-deployment: b/b", times=2) == "bb"
        plays(at, FAILS, FAILS)
        alone = ("sluicegate-deployment: a/a", "sluicegate-fallback: off")
        told = at.ask("chat", "m", *alone)
        assert (told.status, told.honest) == (500, True)
        assert not [c for c in at.providers[0].calls if "sluicegate-deployment" in c.headers]
        plays(at, silence())
        began = at.clock.monotonic()
        told = at.ask("chat", "m", *alone, "sluicegate-timeout: 4s", stream=True)
        assert (told.status, told.honest) == (504, True)
        assert at.clock.monotonic() - began < 6


def test_without_the_policy_the_headers_mean_nothing(tmp_path: Path) -> None:
    with model_front(tmp_path, two({"deployments": [A, B | {"priority": 1}]})) as at:
        plays(at)
        assert by(at, "sluicegate-deployment: b/b") == "a"


def test_models_are_for_those_who_may_have_them(tmp_path: Path) -> None:
    keys = {
        "open": {"value": "key-of-everybody-1"},
        "narrow": {"value": "key-for-one-model-1", "models": ["other"]},
    }
    policies = [{"api_key": {}}, {"model_access": {"deny": ["other"]}}]
    more = {"consumers": {"ann": {"keys": list(keys.values())}}, "on_route": policies}
    with model_front(tmp_path, two({"deployments": [A]}, **more)) as at:
        plays(at)
        anyone, narrow = ("Authorization: Bearer " + key["value"] for key in keys.values())
        assert by(at, anyone) == "a"
        for caller, model, key in (("chat", "other", anyone), ("anthropic", "m", narrow)):
            told = at.ask(caller, model, key, stream=True)
            assert (told.status, told.honest) == (403, True), told
        assert at.ask("chat", "m").status == 401
        assert asked(at) == (1, 0)


def test_each_model_may_be_limited_by_itself(tmp_path: Path) -> None:
    limit = {"rate_limit": {"allow": ["1/minute"], "by": "model"}}
    with model_front(tmp_path, two({"deployments": [A]}, on_route=[limit])) as at:
        plays(at)
        assert by(at) == "a"
        for caller in ("chat", "anthropic", "gemini", "responses"):
            told = at.ask(caller, "m")
            assert (told.status, told.honest) == (429, True), told
        assert at.ask("chat", "other").text == TEXT


# --- what a provider has no words for ---


def test_fields_without_words_are_refused_by_name_or_dropped_by_name(tmp_path: Path) -> None:
    def write(urls: list[str]) -> Options:
        deployments = [{"provider": "b", "model": "b"}]
        models = {
            "strict": {"deployments": deployments},
            "lenient": {"deployments": deployments, "unsupported": "drop"},
        }
        return config({"b": provider(urls[1], "anthropic_messages")}, models)

    with model_front(tmp_path, write) as at:
        plays(at)
        told = at.ask("chat", "strict", seed=7)
        assert (told.status, told.error["param"]) == (400, "seed")
        assert asked(at) == (0, 0)
        told = at.ask("chat", "lenient", seed=7)
        assert (told.whole, told.headers["sluicegate-dropped"]) == (True, "seed")
        assert "seed" not in at.providers[1].calls[0].content


@pytest.mark.parametrize("hosts", [[], ["example.com"], ["127.0.0.1", "localhost"]])
def test_images_by_url_are_never_fetched_from_elsewhere_or_inside(
    tmp_path: Path, hosts: list[str]
) -> None:
    def write(urls: list[str]) -> Options:
        model = {"deployments": [{"provider": "b", "model": "b"}], "fetch_images": hosts}
        return config({"b": provider(urls[1], "bedrock_converse")}, {"m": model})

    with model_front(tmp_path, write) as at:
        plays(at)
        inside = f"{at.providers[0].url}/a.png"
        for url in (inside, "http://localhost/a.png", "http://169.254.169.254/latest"):
            image = {"type": "image_url", "image_url": {"url": url}}
            told = at.ask("chat", "m", content=[{"type": "text", "text": "?"}, image])
            assert (told.status, told.honest) == (400, True), told
            assert "messages[0].content[1]" in told.error["message"]
        assert asked(at) == (0, 0)
