from __future__ import annotations

import hashlib
import hmac

import pytest

from support.configuration import faults_of, messages_of

PEPPER = "p" * 32
KEY = "k" * 16
HASH = hmac.new(PEPPER.encode(), KEY.encode(), hashlib.sha256).hexdigest()
SERVICES = "services: {a: {targets: ['http://a:1']}, b: {targets: ['http://b:1']}}\n"
PEPPERS = f"peppers: {{main: {PEPPER}}}\n"


def test_a_route_names_services_that_are_there() -> None:
    text = SERVICES + (
        "routes:\n"
        "  x: {match: {path: /x}, service: aa}\n"
        "  y: {match: {path: /y}, service: [{service: b, weight: 1}, {service: c, weight: 1}]}\n"
    )
    assert messages_of(text) == {
        "routes.x.service": "there is no service `aa`; did you mean `a`?",
        "routes.y.service[1].service": "there is no service `c`; expected a name under `services`",
    }


def test_a_service_with_a_fault_of_its_own_is_still_there() -> None:
    text = "services: {a: {}}\nroutes: {x: {match: {}, service: a}}\n"
    assert list(messages_of(text)) == ["services.a"]


def test_a_route_needs_a_service_or_a_policy_that_answers() -> None:
    text = "routes:\n  x: {match: {path: /x}}\n  y: {match: {path: /y}, policies: [%s]}\n"
    assert messages_of(text % "{redirect: {path: /z}}") == {
        "routes.x": "nothing answers; expected `service`, `ai`, or a policy such as `redirect`"
    }
    top = "policies: [{redirect: {path: /z}}]\nroutes: {x: {match: {}}}\n"
    assert messages_of(top) == {}


def test_a_policy_names_services_that_are_there() -> None:
    text = SERVICES + (
        "policies: [{mirror: {service: c}}]\n"
        "plans: {free: {policies: [{mirror: {service: b}}]}}\n"
        "routes: {x: {match: {}, service: a, policies: [{mirror: {service: bb}}]}}\n"
    )
    assert messages_of(text) == {
        "policies[0].mirror.service": "there is no service `c`; expected a name under `services`",
        "routes.x.policies[0].mirror.service": "there is no service `bb`; did you mean `b`?",
    }


def test_a_policy_that_lets_some_through_does_not_answer_for_a_service() -> None:
    text = "routes: {x: {match: {}, policies: [{maintenance: %s}]}}\n"
    assert messages_of(text % "{}") == {}
    assert list(messages_of(text % "{except: ['10.0.0.0/8']}")) == ["routes.x"]


def test_a_route_whose_service_is_malformed_has_that_one_fault() -> None:
    assert list(messages_of("routes: {x: {match: {}, service: 12}}\n")) == ["routes.x.service"]


def test_one_weight_is_above_0() -> None:
    text = (
        "services: {a: {targets: [{url: 'http://a:1', weight: 0}]}}\n"
        "routes: {x: {match: {}, service: [{service: a, weight: 0}]}}\n"
    )
    assert messages_of(text) == {
        "services.a.targets": "every weight is 0; expected one above",
        "routes.x.service": "every weight is 0; expected one above",
    }


def test_a_target_is_listed_once() -> None:
    text = "services: {a: {targets: ['http://a:1', {url: 'https://A:1'}, 'http://a:2']}}\n"
    assert messages_of(text) == {
        "services.a.targets[1]": "a:1 is here twice; give it a `weight` instead"
    }


def test_a_consumer_names_a_plan_that_is_there() -> None:
    text = "plans: {free: {}}\nconsumers: {bob: {plan: fre}, eve: {plan: free}}\n"
    assert messages_of(text) == {
        "consumers.bob.plan": "there is no plan `fre`; did you mean `free`?"
    }


def test_so_do_teams_and_keys_and_a_consumer_names_a_team_that_is_there() -> None:
    text = (
        "plans: {free: {}}\n"
        "teams: {blue: {plan: free}, red: {plan: gold}}\n"
        f"consumers: {{bob: {{team: blu, keys: [{{value: {KEY}, plan: gold}}]}}}}\n"
    )
    assert messages_of(text) == {
        "teams.red.plan": "there is no plan `gold`; expected a name under `plans`",
        "consumers.bob.team": "there is no team `blu`; did you mean `blue`?",
        "consumers.bob.keys[0].plan": "there is no plan `gold`; expected a name under `plans`",
    }


def test_what_restricts_a_key_can_be_read() -> None:
    text = f"consumers: {{bob: {{keys: [{{value: {KEY}, %s}}]}}}}\n"
    right = "ip_ranges: [10.0.0.0/8], routes: ['orders-*', '*'], methods: [GET], expires: %s"
    assert messages_of(text % (right % "'2027-01-31T00:00:00Z'")) == {}
    assert messages_of(text % "models: [gpt-4o, 'claude-*', proxy/openai]") == {}
    for wrong, path in (
        ("ip_ranges: [10.0.0.0/8, here]", "ip_ranges[1]"),
        ("models: [gpt, 'g*t']", "models[1]"),
        ("routes: ['a*b']", "routes[0]"),
        ("expires: 2027-01-31", "expires"),
        ("expires: '2027-01-31T00:00:00'", "expires"),
    ):
        assert list(messages_of(text % wrong)) == [f"consumers.bob.keys[0].{path}"]


def test_a_key_is_either_a_hash_or_a_value() -> None:
    text = PEPPERS + f"consumers: {{bob: {{keys: [{{}}, {{hash: 'main:{HASH}', value: {KEY}}}]}}}}"
    assert messages_of(text) == {
        "consumers.bob.keys[0]": "found neither; expected one of `hash` and `value`",
        "consumers.bob.keys[1]": "found both; expected one of `hash` and `value`",
    }


def test_a_hash_names_a_pepper_that_is_there() -> None:
    text = PEPPERS + f"consumers: {{bob: {{keys: [{{hash: 'mian:{HASH}'}}]}}}}"
    assert messages_of(text) == {
        "consumers.bob.keys[0].hash": "there is no pepper `mian`; did you mean `main`?"
    }


def test_short_peppers_and_keys_are_refused() -> None:
    text = f"peppers: {{a: {'x' * 31}}}\nconsumers: {{bob: {{keys: [{{value: short}}]}}}}\n"
    assert messages_of(text) == {
        "peppers.a": "found 31 characters; expected at least 32 characters",
        "consumers.bob.keys[0].value": "found 5 characters; expected at least 16 characters",
    }


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"value: {KEY}", f"value: {KEY}"),
        (f"hash: 'main:{HASH}'", f"hash: 'main:{HASH}'"),
        (f"hash: 'main:{HASH}'", f"value: {KEY}"),
        (f"value: {KEY}", f"hash: 'main:{HASH}'"),
    ],
)
def test_two_consumers_never_share_a_key(one: str, other: str) -> None:
    text = PEPPERS + f"consumers:\n  a: {{keys: [{{{one}}}]}}\n  b: {{keys: [{{{other}}}]}}\n"
    (fault,) = faults_of(text)
    assert (fault.path, fault.line) == ("consumers.b.keys[0]", 4)
    assert fault.message == "the same key as `consumers.a.keys[0]`"


def test_a_secret_is_never_in_a_fault() -> None:
    text = (
        "peppers: {main: '${env:PEPPER}'}\n"
        "consumers:\n"
        "  a: {keys: [{value: '${env:KEY}'}, {hash: '${env:KEY}'}]}\n"
        "  b: {keys: [{value: '${env:KEY}'}], plan: '${env:KEY}'}\n"
        "gateway: {listen: '${env:KEY}', workers: '${env:KEY}', trusted_proxies: ['${env:KEY}']}\n"
        "routes: {x: {match: {path: '${env:KEY}', host: '${env:KEY}:1'}, service: '${env:KEY}'}}\n"
        "services: {s: {targets: ['${env:KEY}'], balance: '${env:KEY}', tls: {ca: '${env:KEY}'}}}\n"
        "policies: [{rate_limit: {allow: ['${env:KEY}'], by: '${env:KEY}'}}]\n"
    )
    secret = "hunter2-hunter2-hunter2"
    faults = faults_of(text, {"PEPPER": secret, "KEY": secret})
    assert len(faults) >= 10
    assert [fault for fault in faults if "hunter2" in fault.message + fault.path] == []


def test_several_workers_count_limits_in_one_place_or_not_at_all(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    limit = "plans: {p: {policies: [{rate_limit: {allow: [1/second]}}]}}\n"
    assert messages_of("gateway: {workers: 2}\n" + limit) == {}
    monkeypatch.setattr("sluicegate.snapshot.rules.EMBEDDED", "a_package_that_is_not_there")
    assert messages_of("gateway: {workers: 2}\n" + limit) == {
        "gateway.workers": "2 workers with `memory://` and a policy `rate_limit`: each would count "
        "alone and admit all of it; install `sluicegate[embedded]`, which counts for all workers "
        "of this replica, or set `state.url` to a Redis or Valkey, or `gateway.workers` to 1"
    }
    for workers in ("1", "auto"):
        assert messages_of(f"gateway: {{workers: {workers}}}\n" + limit) == {}
    assert messages_of("gateway: {workers: 2}\n") == {}
    elsewhere = "state: {url: 'redis://127.0.0.1'}\ngateway: {workers: 2}\n"
    assert messages_of(elsewhere + limit) == {}


def test_spans_need_a_collector_to_go_to() -> None:
    text = "policies: [{traces: {}}]\n" + SERVICES
    assert messages_of(text) == {
        "policies[0].traces": "the spans have nowhere to go: set `tracing.endpoint`"
    }
    assert not messages_of("tracing: {endpoint: http://127.0.0.1:4318}\n" + text)
    assert not messages_of(text, {"SLUICEGATE_TRACING_ENDPOINT": "http://127.0.0.1:4318"})


def test_a_header_for_the_collector_that_is_wrong_does_not_show_its_secret() -> None:
    text = "tracing: {headers: {authorization: '${env:TOKEN}'}}\n" + SERVICES
    messages = messages_of(text, {"TOKEN": "Bearer s3cret\nand more"})
    assert list(messages) == ["tracing.headers.authorization"]
    assert "s3cret" not in messages["tracing.headers.authorization"]


def test_a_budget_is_not_longer_than_the_ledger_is_kept() -> None:
    text = (
        "ledger: {retention: %s}\npolicies: [{budget: {allow: [1/day, 9/month]}}]\n"
        "providers: {p: {kind: openai, key: k}}\nmodels: {m: {deployments: [{provider: p}]}}\n"
        "routes: {r: {match: {path: /**}, ai: {}}}\n"
    )
    assert messages_of(text % "31d") == {}
    assert messages_of(text % "30d") == {
        "policies[0].budget": "its period is longer than `ledger.retention`: what was spent would "
        "be forgotten"
    }
    assert messages_of((text % "2d").replace(", 9/month", "")) == {}
