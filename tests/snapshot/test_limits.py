"""Limits beside each other, and those that consumers have of their own."""

from __future__ import annotations

import pytest

from support.configuration import faults_of, load_text, messages_of

SERVICE = "services: {a: {targets: ['http://a:1']}}\n"
ROUTE = "routes: {x: {match: {}, service: a, policies: [%s]}}\n"


def routed(*policies: str) -> str:
    return SERVICE + ROUTE % ", ".join(policies)


@pytest.mark.parametrize(
    ("settings", "path", "advice"),
    [
        ("allow: [0/second]", "allow[0]", "`0/second` never admits anything: write at least"),
        ("allow: [9/day, 10/second burst 0]", "allow[1]", "write at least `burst 1`"),
        ("allow: [10 apples/second]", "allow[0]", "is not an allowance: write `10/second`"),
        ("allow: [1/day], unit: apples", "unit", "expected `bytes` or `requests` or `tokens`"),
        (
            "allow: [10/minute burst 20], mode: eventual",
            "allow[0]",
            "regions add up whole windows: write `10/minute` without `burst`, or `mode: exact`",
        ),
        ("allow: [10/second], mode: eventual", "allow[0]", "write minute, hour or day"),
        (
            "allow: [0.25/day], unit: usd, mode: eventual, cost_header: x-cost",
            "mode",
            "money is never counted after the fact: write `mode: exact`",
        ),
        ("allow: [1MiB/day], unit: bytes, mode: leased", "mode", "write `mode: exact`"),
        ("allow: [9/day log], mode: leased", "allow[0]", "`log` needs every request"),
        ("allow: [9/day], lease: {cap: 5}", "lease", "it is for `mode: leased`"),
        ("allow: [9/day], mode: leased, lease: {cap: 0}", "lease.cap", "expected at least 1"),
        ("allow: [9/day], cost_header: x-cost", "cost_header", "requests are counted here"),
        (
            "allow: [9/day], unit: tokens, cost_header: Content-Length",
            "cost_header",
            "`Content-Length` belongs to the connection: write one of the target's own",
        ),
        ("allow: [9/day], unit: tokens, cost_header: te", "cost_header", "`te` belongs to the"),
        ("allow: [9/day], reserve: 2", "reserve", "a request costs 1"),
        (
            "allow: [1MiB/day], unit: bytes, reserve: 2MiB",
            "reserve",
            "it is more than `1MiB/day` ever holds",
        ),
        ("allow: [1MiB/day], unit: bytes, reserve: 0", "reserve", "it lets everybody in"),
        ("allow: [1/day], by: [ip, user]", "by[1]", "`user` is nobody to count by: write consum"),
        ("allow: [1/day], away: open", "away", "expected `allow` or `deny` or `local` or `share`"),
    ],
)
def test_a_bad_limit_is_refused_by_path_with_what_to_write(
    settings: str, path: str, advice: str
) -> None:
    found = messages_of(routed(f"{{rate_limit: {{{settings}}}}}"))
    (where,) = found
    assert where == f"routes.x.policies[0].rate_limit.{path}"
    assert advice in found[where]


@pytest.mark.parametrize(
    ("policy", "path", "advice"),
    [
        ("concurrency: {limit: 0}", "concurrency.limit", "expected at least 1"),
        ("concurrency: {limit: 5, expiry: 10ms}", "concurrency.expiry", "expected `1s` to `1h`"),
        ("concurrency: {limit: 5, by: x}", "concurrency.by", "`x` is nobody to count by"),
        ("ip_rate: {allow: [0/second]}", "ip_rate.allow[0]", "write at least `1/second`"),
        ("ip_rate: {allow: [1/second], prefix_v4: 33}", "ip_rate.prefix_v4", "at most 32"),
        ("ip_rate: {allow: [1/second], lease: {}}", "ip_rate.lease", "it is for `mode: leased`"),
        ("auth_failures: {allow: [x]}", "auth_failures.allow[0]", "is not an allowance"),
        (
            "auth_failures: {allow: [9/minute, 3/hour delay 1s]}",
            "auth_failures.allow[1]",
            "failures are refused, none waits: write `3/hour` without `delay`",
        ),
        ("auth_failures: {away: deny}", "auth_failures.away", "expected `allow` or `local` or"),
    ],
)
def test_so_are_the_other_policies_that_limit(policy: str, path: str, advice: str) -> None:
    found = messages_of(routed(f"{{{policy}}}"))
    (where,) = found
    assert where == f"routes.x.policies[0].{path}"
    assert advice in found[where]


def test_two_policies_that_would_count_in_one_place_are_told_apart_by_name() -> None:
    two = ("{rate_limit: {allow: [10/second]}}", "{rate_limit: {allow: [100/minute]}}")
    assert messages_of(routed(*two)) == {
        "routes.x.policies[1].rate_limit": "it counts in the same place as `policies[0]`: put both "
        "in one `allow`, or give one of them a `name`"
    }
    named = ("{rate_limit: {allow: [10/second]}}", "{rate_limit: {allow: [1/day], name: b}}")
    assert messages_of(routed(*named)) == {}


@pytest.mark.parametrize(
    ("policy", "advice"),
    [
        ("auth_failures: {}", "put both in one `allow`"),
        ("concurrency: {limit: 5}", "leave one out, or give one of them a `name`"),
    ],
)
def test_what_has_no_name_or_no_allow_is_not_told_to_write_one(policy: str, advice: str) -> None:
    (message,) = messages_of(routed(f"{{{policy}}}", f"{{{policy}}}")).values()
    assert message == f"it counts in the same place as `policies[0]`: {advice}"


def test_other_units_subjects_and_lists_are_other_places() -> None:
    text = (
        SERVICE
        + "policies: [{rate_limit: {allow: [10/second]}}]\n"
        + "plans: {p: {policies: [{rate_limit: {allow: [10/second]}}]}}\n"
        + ROUTE
        % (
            "{rate_limit: {allow: [10/second]}}, {rate_limit: {allow: [10/second], by: ip}}, "
            "{rate_limit: {allow: [1KiB/second], unit: bytes}}, {concurrency: {limit: 5}}"
        )
    )
    assert messages_of(text) == {}


CONSUMERS = (
    "plans:\n"
    "  free: {policies: [{rate_limit: {name: api, allow: [10/second burst 20, 500/minute]}}]}\n"
    "  pro: {policies: [{concurrency: {name: uploads, limit: 5}}]}\n"
    "consumers: {ann: {plan: free, limits: {%s}}}\n"
)
TOP = "{rate_limit: {name: bytes, unit: bytes, allow: [1MiB/second], reserve: 4KiB}}"


def test_a_consumer_may_have_limits_of_their_own() -> None:
    text = routed(TOP) + CONSUMERS % "api: [20/second burst 40, 900/minute], bytes: [2MiB/second]"
    held = load_text(text).resources.items["consumer", "ann"]
    assert b"900/minute" in held


def test_the_plan_of_a_team_or_of_a_key_is_as_good_as_a_consumers_own() -> None:
    text = routed(TOP) + CONSUMERS % "" + "teams: {blue: {plan: free}, red: {plan: pro}}\n"
    for given, path in (
        ("team: blue", None),
        ("team: red", "consumers.ann.limits.api"),
        ("plan: pro, team: blue", "consumers.ann.limits.api"),
        ("plan: pro, keys: [{value: kkkkkkkkkkkkkkkk, plan: free}]", None),
    ):
        own = given + ", limits: {api: [20/second burst 40, 900/minute]}"
        found = messages_of(text.replace("plan: free, limits: {}", own))
        assert list(found) == ([] if path is None else [path])


@pytest.mark.parametrize(
    ("limits", "path", "advice"),
    [
        ("apj: [1/second]", "apj", "there is no limit `apj`; did you mean `api`?"),
        (
            "everything: [1/second]",
            "everything",
            "expected the `name` of a `rate_limit` or `concurrency`: `api`, `bytes`",
        ),
        (
            "uploads: [9 concurrent]",
            "uploads",
            "`uploads` is a limit of the plan `pro`, which is not this consumer's",
        ),
        ("api: [1/second]", "api", "found 1; expected one for each of `10/second burst 20`"),
        ("api: [0/second, 1/minute]", "api[0]", "write at least `1/second`"),
        ("bytes: [5/second apples]", "bytes[0]", "write `1MiB/second`"),
        ("api: [1/day, 1/minute]", "api[0]", "write `<amount>/second burst <amount>`"),
        ("bytes: [1KiB/second]", "bytes[0]", "it never holds `reserve: 4KiB`: write more"),
        ("api: 10/second", "api", "expected a list"),
        ("api: []", "api", "expected at least 1 item"),
        ('"": [1/second]', '[""]', "expected the `name` of a `rate_limit` or `concurrency`"),
    ],
)
def test_limits_of_a_consumer_that_lead_nowhere_are_refused_by_path(
    limits: str, path: str, advice: str
) -> None:
    found = faults_of(routed(TOP) + CONSUMERS % limits)
    dot = "" if path.startswith("[") else "."
    assert found[0].path == f"consumers.ann.limits{dot}{path}"
    assert advice in found[0].message


def test_a_concurrency_takes_a_number_at_once() -> None:
    text = routed("{concurrency: {name: up, limit: 2}}") + "consumers: {ann: {limits: {up: [%s]}}}"
    assert messages_of(text % "9 concurrent") == {}
    assert "write `10 concurrent`" in messages_of(text % "9/second")["consumers.ann.limits.up[0]"]
    assert (
        "expected one"
        in messages_of(text % "9 concurrent, 1 concurrent")["consumers.ann.limits.up"]
    )


def test_a_faulty_policy_is_named_once_and_not_again_for_every_consumer() -> None:
    text = routed("{rate_limit: {name: api, allow: [0/second]}}")
    found = messages_of(text + "consumers: {ann: {limits: {api: [1/second]}}}")
    assert "routes.x.policies[0].rate_limit.allow[0]" in found
