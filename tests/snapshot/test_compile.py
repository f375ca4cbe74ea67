from __future__ import annotations

import asyncio
import hmac
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from sluicegate.errors import ConfigError, Fault, Refused
from sluicegate.journey import STAGES
from sluicegate.journey.run import nest
from sluicegate.model.consumer import Consumer, Key
from sluicegate.model.plan import Plan
from sluicegate.model.route import Ai, Match, Route, WeightedService
from sluicegate.model.service import Service
from sluicegate.model.team import Team
from sluicegate.policy import PolicyConfig
from sluicegate.snapshot.compile import SLICE, Compiler
from sluicegate.snapshot.document import Resources, encode
from support.exchanges import exchange, parts
from support.mock_clock import MockClock

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.snapshot.table import Snapshot

PEPPER = "p" * 32
SERVICE = Service(targets=["http://10.0.0.5:9000"])


class Mark(PolicyConfig, frozen=True, kw_only=True):
    text: str = ""
    limits: bool = False


class House:
    """A compiler with everything around it, and what has been built and run."""

    def __init__(self) -> None:
        self.policies_built = 0
        self.services_built: list[str] = []
        self.services_closed: list[str] = []
        self.passed: list[str] = []
        self.compiler = Compiler(
            cast("Any", SimpleNamespace(find=self.find)),
            parts(MockClock()),
            cast("Any", SimpleNamespace(service=self.make_service, provider=None)),
            route_stage=self.route_stage,
            second_half=self.second_half,
            dispatch=self.dispatch,
            nest=nest,
            limiter=self.limiter,
            ai=cast("Any", None),
        )

    def limiter(self, rules: Sequence[Any]) -> Any:
        """Take limits of several policies together."""

        async def handle(asked: Exchange, onward: Any) -> None:
            self.passed.append("+".join(rules))
            await onward(asked)

        return handle

    def find(self, name: str) -> Any:
        """Find a policy named after its stage (`screen`), or `cors`."""
        stage = "screen" if name == "cors" else name
        if stage not in STAGES:
            raise KeyError(name)
        return SimpleNamespace(name=name, stage=stage, config=Mark, policy=self.policy)

    def policy(self, config: Mark, _parts: Any) -> Any:
        if config.text == "wrong":
            raise ValueError("this text is wrong")
        self.policies_built += 1

        async def handle(asked: Exchange, onward: Any) -> None:
            self.passed.append(config.text)
            await onward(asked)

        if not config.limits:
            return SimpleNamespace(handle=handle)
        return SimpleNamespace(handle=handle, rules=[config.text])

    def make_service(self, name: str, config: Service) -> Any:
        if config.tls.ca is not None:
            raise ConfigError([Fault(f"services.{name}.tls.ca", 0, "is not there")])
        self.services_built.append(name)
        return SimpleNamespace(
            name=name,
            close=lambda: self.services_closed.append(name),
            destination=lambda labels, timeouts: SimpleNamespace(
                name=name, labels=labels, timeouts=timeouts
            ),
        )

    async def route_stage(self, asked: Exchange) -> None:
        self.passed.append("[route]")
        asked.route = asked.snapshot.find(asked.request)
        await asked.route.chain(asked)

    async def second_half(self, asked: Exchange) -> None:
        self.passed.append("[half]")
        assert asked.route is not None
        await asked.route.second_half(asked.plan)(asked)

    async def dispatch(self, asked: Exchange) -> None:
        assert asked.route is not None
        self.passed.append(cast("Any", asked.route.pick_destination(asked)).name)

    def compile(self, items: dict[Any, Any], previous: Snapshot | None = None) -> Snapshot:
        steps = self.compiler.compile(resources(items), previous)
        while True:
            try:
                next(steps)
            except StopIteration as end:
                return cast("Snapshot", end.value)

    def faults(self, items: dict[Any, Any], previous: Snapshot | None = None) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            self.compile(items, previous)
        return [f"{fault.path}: {fault.message}" for fault in caught.value.faults]

    def send(self, snapshot: Snapshot, path: str = "/", plan: str | None = None) -> list[str]:
        """Send a request through and return what it has passed."""
        self.passed.clear()
        asked = exchange("GET", path)
        asked.snapshot, asked.plan = snapshot, plan
        asyncio.run(cast("Any", snapshot.entry)(asked))
        return list(self.passed)


def resources(items: dict[Any, Any]) -> Resources:
    items = {("policies", ""): []} | items
    return Resources.of({key: encode(value) for key, value in items.items()})


def route(path: str, *policies: dict[str, Any], service: Any = "users", **match: Any) -> Route:
    return Route(match=Match(path=path, **match), service=service, policies=list(policies))


def mark(stage: str, text: str) -> dict[str, Any]:
    return {stage: {"text": text}}


def many(count: int) -> dict[Any, Any]:
    """Return one service and `count` routes with a policy each."""
    routes = {("route", f"r{i}"): route(f"/r{i}/**", mark("screen", f"r{i}")) for i in range(count)}
    return {("service", "users"): SERVICE} | routes


@pytest.fixture
def house() -> House:
    return House()


def test_policies_run_by_stage_and_within_one_those_of_the_gateway_the_route_and_the_plan(
    house: House,
) -> None:
    snapshot = house.compile(
        {
            ("service", "users"): SERVICE,
            ("plan", "free"): Plan(
                policies=[mark("shape", "plan shapes"), mark("limit", "plan limits")]
            ),
            ("policies", ""): [
                mark("shape", "all shape"),
                mark("screen", "all screen"),
                mark("record", "first record"),
                mark("limit", "all limits"),
                mark("record", "second record"),
            ],
            ("route", "r"): route(
                "/**",
                mark("dispatch", "retry"),
                mark("limit", "route limits"),
                mark("authenticate", "key"),
                mark("screen", "route screens"),
                mark("shape", "route shapes"),
            ),
        }
    )
    first = ["first record", "second record", "[route]", "all screen", "route screens", "key"]
    assert house.send(snapshot, plan="free") == [
        *first, "[half]", "all limits", "route limits", "plan limits", "all shape",
        "route shapes", "plan shapes", "retry", "users",
    ]  # fmt: skip
    assert house.send(snapshot) == [
        *first, "[half]", "all limits", "route limits", "all shape", "route shapes", "retry",
        "users",
    ]  # fmt: skip


def test_limits_of_a_stage_are_taken_together_at_the_place_of_the_first(house: House) -> None:
    def limits(text: str) -> dict[str, Any]:
        return {"limit": {"text": text, "limits": True}}

    snapshot = house.compile(
        {
            ("service", "users"): SERVICE,
            ("plan", "free"): Plan(policies=[limits("plan's")]),
            ("policies", ""): [mark("limit", "first")],
            ("route", "r"): route("/**", limits("route's"), mark("limit", "last")),
            ("route", "s"): route("/s/**", mark("limit", "last")),
        }
    )
    both = ["[route]", "[half]", "first", "route's+plan's", "last", "users"]
    assert house.send(snapshot, plan="free") == both
    assert house.send(snapshot) == ["[route]", "[half]", "first", "route's", "last", "users"]


def test_a_policy_of_a_plan_is_one_object_on_all_routes(house: House) -> None:
    items = many(3) | {("plan", "free"): Plan(policies=[mark("limit", "plan")])}
    snapshot = house.compile(items)
    for path in ("/r0", "/r1", "/r2"):
        assert "plan" in house.send(snapshot, path, "free")
    assert house.policies_built == 4


def test_one_changed_route_of_ten_thousand_is_the_only_one_built(house: House) -> None:
    items = many(10_000)
    before = house.compile(items)
    house.policies_built = 0
    items["route", "r7"] = route("/r7/**", mark("screen", "changed"))
    after = house.compile(items, before)
    built = {name for name, made in after.routes.items() if made is not before.routes[name]}
    assert built == {"r7"}
    assert house.policies_built == 1
    assert house.services_built == ["users"]
    assert house.send(after, "/r7") == ["[route]", "changed", "[half]", "users"]
    assert house.send(before, "/r7") == ["[route]", "r7", "[half]", "users"]


def test_a_route_that_is_gone_is_not_found_and_a_new_one_is(house: House) -> None:
    before = house.compile(many(3))
    items = many(4)
    del items["route", "r1"]
    after = house.compile(items, before)
    assert house.send(after, "/r3")[1] == "r3"
    with pytest.raises(Refused):
        after.find(exchange("GET", "/r1").request)
    assert before.find(exchange("GET", "/r1").request).name == "r1"
    assert after.routes["r0"] is before.routes["r0"]


def test_the_index_is_kept_until_a_match_changes(house: House) -> None:
    items = many(3)
    before = house.compile(items)
    items["route", "r1"] = route("/r1/**", mark("screen", "changed"))
    policy_changed = house.compile(items, before)
    assert policy_changed.index is before.index
    items["route", "r1"] = route("/elsewhere")
    match_changed = house.compile(items, policy_changed)
    assert match_changed.index is not before.index
    assert house.send(match_changed, "/elsewhere")[0] == "[route]"


def test_a_changed_service_is_built_anew_and_so_are_its_routes_alone(house: House) -> None:
    items = {
        ("service", "a"): SERVICE,
        ("service", "b"): SERVICE,
        ("route", "a"): route("/a", service="a"),
        ("route", "b"): route("/b", service="b"),
        ("route", "both"): route(
            "/both",
            service=[
                WeightedService(service="a", weight=1),
                WeightedService(service="b", weight=2),
            ],
        ),
    }
    before = house.compile(items)
    items["service", "b"] = Service(targets=["http://10.0.0.6:9000"])
    after = house.compile(items, before)
    assert after.services["a"] is before.services["a"]
    assert after.services["b"] is not before.services["b"]
    assert after.routes["a"] is before.routes["a"]
    led_to = [
        (cast("Any", each).name, weight) for each, weight in after.routes["both"].destinations
    ]
    assert led_to == [("a", 1), ("b", 2)]
    assert house.services_built == ["a", "b", "b"]


def test_a_changed_plan_reaches_every_route_and_keeps_their_policies(house: House) -> None:
    items = many(3) | {("plan", "free"): Plan(policies=[mark("limit", "old")])}
    before = house.compile(items)
    assert "old" in house.send(before, "/r1", "free")
    house.policies_built = 0
    items["plan", "free"] = Plan(policies=[mark("limit", "new")])
    after = house.compile(items, before)
    assert "new" in house.send(after, "/r1", "free")
    assert "old" in house.send(before, "/r1", "free")
    assert house.policies_built == 1


def test_changed_policies_of_the_gateway_reach_every_route(house: House) -> None:
    items = many(2) | {("policies", ""): [mark("record", "r"), mark("screen", "old")]}
    before = house.compile(items)
    items["policies", ""] = [mark("record", "r"), mark("screen", "new"), mark("limit", "more")]
    after = house.compile(items, before)
    expected = ["r", "[route]", "new", "r1", "[half]", "more", "users"]
    assert house.send(after, "/r1") == expected
    assert house.send(before, "/r1") == ["r", "[route]", "old", "r1", "[half]", "users"]


def test_no_slice_builds_more_than_a_handful(house: House) -> None:
    consumers = {
        ("consumer", f"c{i}"): Consumer(keys=[Key(value=f"key of consumer {i}")] * 5)
        for i in range(50)
    }
    steps = house.compiler.compile(resources(many(500) | consumers), None)
    most = built = slices = 0
    for _ in steps:
        most, built = max(most, house.policies_built - built), house.policies_built
        slices += 1
    assert built == 500
    assert most <= SLICE
    assert slices >= 3 * 500 / SLICE + 250 / SLICE


def test_every_fault_is_reported_at_once_and_nothing_is_built(house: House) -> None:
    before = house.compile(many(2))
    items = many(2) | {
        ("policies", ""): [mark("screen", "wrong"), {"nonsense": {}}],
        ("plan", "free"): Plan(policies=[mark("authenticate", "too early")]),
        ("route", "r1"): route("/a*", mark("limit", "wrong"), service="nowhere"),
        ("route", "a.b"): route("/x", mark("record", "too deep"), host="a:80"),
        ("service", "new"): SERVICE,
        ("consumer", "alice"): Consumer(plan="gold", keys=[Key(hash="none:" + "0" * 64), Key()]),
        ("consumer", "bob"): Consumer(keys=[Key(value="the very same key")]),
        ("consumer", "carol"): Consumer(keys=[Key(value="the very same key")]),
    }
    house.services_built.clear()
    paths = [fault.partition(": ")[0] for fault in house.faults(items, before)]
    assert sorted(paths) == sorted(
        [
            "policies[0].screen",
            "policies[1].nonsense",
            "plans.free.policies[0].authenticate",
            "routes.r1.policies[0].limit",
            "routes.r1.match.path",
            "routes.r1.service",
            'routes["a.b"].policies[0].record',
            'routes["a.b"].match.host',
            "consumers.alice.plan",
            "consumers.alice.keys[0].hash",
            "consumers.alice.keys[1]",
            "consumers.carol.keys[0]",
        ]
    )
    assert house.services_built == []
    assert house.send(before, "/r1")[1] == "r1"
    again = house.compile(many(2), before)
    assert again.routes["r1"] is before.routes["r1"]


def test_a_fault_says_what_the_policy_said(house: House) -> None:
    items = {("route", "users"): route("/", mark("limit", "wrong"), service=None)}
    assert house.faults(items) == ["routes.users.policies[0].limit: this text is wrong"]


def test_when_one_service_cannot_be_made_the_other_new_ones_are_closed(house: House) -> None:
    before = house.compile({("service", "kept"): SERVICE})
    broken = Service(targets=["https://10.0.0.5"], tls={"ca": "/nowhere"})  # type: ignore[arg-type]
    items = {
        ("service", "kept"): SERVICE,
        ("service", "new"): SERVICE,
        ("service", "broken"): broken,
    }
    assert house.faults(items, before) == ["services.broken.tls.ca: is not there"]
    assert house.services_closed == ["new"]


def test_only_a_route_with_cors_takes_preflights_for_other_methods(house: House) -> None:
    ask = {"origin": "https://a.example", "access-control-request-method": "POST"}
    preflight = exchange("OPTIONS", "/a", headers=ask).request
    items: dict[Any, Any] = {
        ("service", "users"): SERVICE,
        ("route", "a"): route("/a", methods=["POST"]),
    }
    without = house.compile(items)
    with pytest.raises(Refused):
        without.find(preflight)
    on_the_route = house.compile(
        items | {("route", "a"): route("/a", {"cors": {}}, methods=["POST"])}, without
    )
    assert on_the_route.find(preflight).name == "a"
    everywhere = house.compile(items | {("policies", ""): [{"cors": {}}]}, without)
    assert everywhere.find(preflight).name == "a"
    removed = house.compile(items, everywhere)
    with pytest.raises(Refused):
        removed.find(preflight)


def test_keys_follow_their_consumers(house: House) -> None:
    made = hmac.digest(PEPPER.encode(), b"alice's key", "sha256").hex()
    items: dict[Any, Any] = {
        ("plan", "free"): Plan(),
        ("pepper", "first"): PEPPER,
        ("consumer", "alice"): Consumer(plan="free", keys=[Key(hash=f"first:{made}")]),
        ("consumer", "bob"): Consumer(keys=[Key(value="bob's first key!")]),
    }
    before = house.compile(items)
    items["consumer", "bob"] = Consumer(keys=[Key(value="bob's second key")])
    after = house.compile(items, before)
    alice = after.keys.find(b"alice's key")
    assert alice is not None
    assert alice is before.keys.find(b"alice's key")
    assert (alice.consumer_name, alice.plan) == ("alice", "free")
    assert after.keys.find(b"bob's first key!") is None
    assert before.keys.find(b"bob's first key!") is not None
    assert after.keys.find(b"bob's second key") is not None
    del items["consumer", "bob"]
    last = house.compile(items, after)
    assert last.keys.find(b"bob's second key") is None
    assert last.keys.size == 1


def test_a_changed_pepper_changes_which_keys_fit(house: House) -> None:
    made = hmac.digest(PEPPER.encode(), b"alice's key", "sha256").hex()
    items: dict[Any, Any] = {
        ("pepper", "first"): "q" * 32,
        ("consumer", "alice"): Consumer(keys=[Key(hash=f"first:{made}")]),
    }
    wrong = house.compile(items)
    assert wrong.keys.find(b"alice's key") is None
    right = house.compile(items | {("pepper", "first"): PEPPER}, wrong)
    assert right.keys.find(b"alice's key") is not None
    del items["pepper", "first"]
    assert house.faults(items, right) == [
        "consumers.alice.keys[0].hash: no pepper is called 'first'; known: there are none"
    ]


def test_a_snapshot_keeps_no_key_and_no_pepper_for_the_next_one(house: House) -> None:
    snapshot = house.compile(
        {
            ("pepper", "first"): "S3cret" * 6,
            ("consumer", "bob"): Consumer(keys=[Key(value="K3y" * 8)]),
        }
    )
    assert "S3cret" not in repr(snapshot.origin)
    assert "K3y" not in repr(snapshot.origin)


def test_a_route_knows_the_places_of_its_parameters(house: House) -> None:
    items = {("service", "users"): SERVICE, ("route", "r"): route("/t/{tenant}/**")}
    found = house.compile(items).find(exchange("GET", "/t/acme/x").request)
    assert found.path_params("/t/acme/x") == {"tenant": "acme"}


def test_nothing_at_all_is_a_snapshot_too(house: House) -> None:
    snapshot = house.compile({})
    assert snapshot.revision == resources({}).revision
    with pytest.raises(Refused):
        snapshot.find(exchange().request)
    assert snapshot.keys.find(b"anything") is None


def test_a_team_gives_its_plan_to_consumers_that_have_none(house: House) -> None:
    items: dict[Any, Any] = {
        ("plan", "free"): Plan(),
        ("plan", "pro"): Plan(),
        ("team", "blue"): Team(plan="free"),
        ("consumer", "ann"): Consumer(team="blue", keys=[Key(value="ann's only key!!")]),
        ("consumer", "bob"): Consumer(
            team="blue",
            plan="pro",
            keys=[Key(value="bob's first key!"), Key(value="bob's second key", plan="free")],
        ),
    }

    def plans(snapshot: Snapshot) -> list[str | None]:
        found = [
            snapshot.keys.find(key)
            for key in (b"ann's only key!!", b"bob's first key!", b"bob's second key")
        ]
        return [None if record is None else record.plan for record in found]

    before = house.compile(items)
    assert plans(before) == ["free", "pro", "free"]
    items["team", "blue"] = Team(plan="pro")
    after = house.compile(items, before)
    assert plans(after) == ["pro", "pro", "free"]
    items["team", "red"] = Team()
    assert house.compile(items, after).origin.held["ann"] is after.origin.held["ann"]


def test_a_consumer_of_no_team_and_a_key_of_no_plan_are_faults(house: House) -> None:
    consumer = Consumer(team="gone", keys=[Key(value="ann's only key!!", plan="gold")])
    assert house.faults({("consumer", "ann"): consumer}) == [
        "consumers.ann.team: there is no team 'gone'",
        "consumers.ann.keys[0].plan: there is no plan 'gold'",
    ]


def test_where_no_list_for_every_route_is_written_the_gateways_own_holds(house: House) -> None:
    steps = house.compiler.compile(Resources.of({}), None)
    with pytest.raises(ConfigError) as caught:
        list(steps)
    # This house knows neither, which shows that both were asked for.
    assert [fault.path for fault in caught.value.faults] == [
        "policies[0].metrics",
        "policies[1].access_log",
    ]


def test_a_route_with_ai_endpoints_opens_first_reads_before_authorize_and_answers_itself(
    house: House,
) -> None:
    class Steps:
        """The fixed steps, each with a name."""

        def opening(self, ai: Ai) -> Any:
            return self._step(f"[open {ai.prefix}]")

        def reading(self, ai: Ai) -> Any:
            async def answer(_: Exchange) -> None:
                house.passed.append(f"[answer {ai.prefix}]")

            return self._step(f"[read {ai.prefix}]"), answer

        def _step(self, name: str) -> Any:
            async def handle(asked: Exchange, onward: Any) -> None:
                house.passed.append(name)
                await onward(asked)

            return handle

    house.compiler.ai = cast("Any", Steps())
    stages = ("screen", "authenticate", "authorize", "limit")
    policies = [mark(stage, stage) for stage in stages]
    made = Route(match=Match(path="/**"), ai=Ai(prefix="/ai"), policies=policies)
    snapshot = house.compile({("route", "r"): made})
    assert house.send(snapshot) == [
        "[route]", "[open /ai]", "screen", "authenticate", "[half]", "[read /ai]", "authorize",
        "limit", "[answer /ai]",
    ]  # fmt: skip
