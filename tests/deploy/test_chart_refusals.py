"""Values that are wrong: each is refused, by both helms, and the refusal names it."""

from __future__ import annotations

from typing import Any

import pytest

from support.helm import HELMS, LEAST, PROFILES, Refused, render
from support.profiles import NAMES, SAID, missing

POD = {"podSelector": {"matchLabels": {"app": "a"}}}
PLAIN = {"tls": {"source": "off"}}
"""Certificates take the longest of a rendering."""
EDGE = {"trustedProxies": ["10.0.0.0/16"]}
ROUTE = {"match": {"path": "/a"}, "service": "a"}


def nested(path: str, value: object) -> dict[str, Any]:
    """Return `{"a": {"b": value}}` for `a.b`."""
    for key in reversed(path.split(".")):
        value = {key: value}
    assert isinstance(value, dict)
    return value


def merged(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """Return values as helm merges them."""
    made = dict(below)
    for key, value in above.items():
        both = isinstance(value, dict) and isinstance(made.get(key), dict)
        made[key] = merged(made[key], value) if both else value
    return made


UNKNOWN = [
    "replica",
    "gateway.worker",
    "gateway.drain.grce",
    "gateway.probes.readiness.path",
    "networkPolicy.egress.world",
    "ingress.tls.secret",
    "autoscaling.max",
    "database.password",
    "image.name",
    "config.rutes",
    "config.gateway.htp",
]

WRONG = [
    ("gateway.drain.grace", "5 s"),
    ("gateway.drain.deadline", 30),
    ("gateway.workers", -1),
    ("gateway.resources.requests.cpu", "two"),
    ("gateway.trustedProxies", ["balancer"]),
    ("gateway.topologySpread.hosts", "Sometimes"),
    ("image.digest", "sha256:abc"),
    ("image.pullPolicy", "Sometimes"),
    ("service.type", "ExternalName"),
    ("service.port", 70000),
    ("autoscaling.cpu", "70"),
    ("autoscaling.memory", 101),
    ("podDisruptionBudget.minAvailable", 0),
    ("podDisruptionBudget.minAvailable", "100%"),
    ("gateway.trustedProxies", ["10.0.0.300/24"]),
    ("config", None),
    ("database.port", "5432"),
    ("database.tls.mode", "maybe"),
    ("region.name", ""),
    ("networkPolicy.ingressFrom", [{"ipblock": {"cidr": "10.0.0.0/8"}}]),
    ("config.routes.a.match", "/a"),
    ("config.services.a.targets", "http://a"),
    ("config.gateway.http.max_headers", "many"),
]

WRONG_TOO = [
    ("gateway.trustedProxies", ["10.0.0.1"]),
    ("networkPolicy.ingressFrom", [{"ipBlock": {"cidr": "10.0.0.0"}}]),
    ("config.routes.a", {**ROUTE, "policies": [{"rate_limt": {}}]}),
]
"""Of these, as of those above, one can be said beside the others: they are rendered together."""

BEDROCK = {"config": {"providers": {"a": {"kind": "bedrock", "aws": {"access_key_id": "AKIA"}}}}}

REFUSED = [
    ("database.host", "", {}),
    ("networkPolicy.ingressFrom", [], {}),
    ("gateway.trustedProxies", ["0.0.0.0/0"], {}),
    ("gateway.trustedProxies", ["::/0"], {}),
    ("gateway.trustedProxies", ["128.0.0.0/1"], {}),
    ("gateway.trustedProxies", ["::/1", "8000::/1"], {}),
    ("gateway.trustedProxies", ["2000::/3"], {}),
    ("gateway.trustedProxies", ["::ffff:0:0/96"], {}),
    ("gateway.trustedProxies", [], {"ingress": {"enabled": True, "hosts": ["a.example"]}}),
    ("gateway.trustedProxies", [], {"httpRoute": {"enabled": True, "hostnames": ["a.example"]}}),
    ("ingress.hosts", [], {"ingress": {"enabled": True}, "gateway": EDGE}),
    ("ingress.tls.secretName", "", {"ingress": {"enabled": True, "hosts": ["a"]}, "gateway": EDGE}),
    ("httpRoute.parentRefs", [], {"httpRoute": {"enabled": True}, "gateway": EDGE}),
    (
        "httpRoute.backendTLS.caConfigMap",
        "",
        {
            "httpRoute": {"enabled": True, "hostnames": ["a"], "parentRefs": [{"name": "a"}]},
            "gateway": EDGE,
            "tls": {"source": "secret", "secret": {"gateway": "own", "valkey": "own"}},
        },
    ),
    ("autoscaling.maxReplicas", 2, {}),
    ("podDisruptionBudget.minAvailable", 3, {}),
    ("podDisruptionBudget.minAvailable", "70%", {}),
    ("podDisruptionBudget.minAvailable", 2, {"autoscaling": {"enabled": False}, "replicas": 2}),
    ("serviceAccount.name", "", {"serviceAccount": {"create": False}}),
    ("service.loadBalancerSourceRanges", ["10.0.0.0/8"], {}),
    ("state.url", "", {"valkey": {"enabled": False}}),
    ("config.gateway.listen", "0.0.0.0:80", {}),
    ("config.gateway.health", False, {}),
    ("config.gateway.drain", {"grace": "1s"}, {}),
    ("config.management.listen", "0.0.0.0:80", {}),
    ("config.state.url", "memory://", {}),
    ("config.store.url", "none", {}),
    ("config.peppers", {"a": "${env:A}"}, {}),
    ("config.region.name", "b", {}),
    ("config.gateway.tls", None, {}),
    ("config.state.tls", None, {}),
    ("config.state.password", "hunter2", {}),
    (
        "config.alerts.secret",
        "whsec_" + 32 * "a",
        {"config": {"alerts": {"webhook": "https://a.b"}}},
    ),
    ("config.cache.password", "hunter2", {"config": {"cache": {"url": "rediss://a:6379"}}}),
    ("config.providers.a.key", "sk-hunter2", {"config": {"providers": {"a": {"kind": "openai"}}}}),
    ("config.providers.a.aws.secret_access_key", "hunter2", BEDROCK),
]


def refusal(values: dict[str, Any], helm: str) -> str:
    with pytest.raises(Refused) as error:
        render([], merged(merged(LEAST, PLAIN), values), helm=helm)
    return str(error.value)


def names(path: str, told: str) -> bool:
    """Say whether a refusal names a value: with dots (Helm 3) or slashes (Helm 4)."""
    return path in told or "/" + path.replace(".", "/") in told


def together(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made: dict[str, Any] = {}
    for path, value in pairs:
        made = merged(made, nested(path, value))
    return made


@pytest.mark.parametrize("helm", HELMS)
def test_values_that_there_are_not_are_each_refused_by_name(helm: str) -> None:
    told = refusal(together([(path, {}) for path in UNKNOWN]), helm)
    for path in UNKNOWN:
        where, _, name = path.rpartition(".")
        lines = [line for line in told.splitlines() if not where or names(where, line)]
        assert any(f"property {name} is" in line or f"'{name}'" in line for line in lines), path


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("pairs", [WRONG, WRONG_TOO])
def test_values_of_the_wrong_form_are_each_refused_by_name(
    pairs: list[tuple[str, Any]], helm: str
) -> None:
    told = refusal(together(pairs), helm)
    for path, _ in pairs:
        assert names(path, told), path


@pytest.mark.parametrize(("path", "value", "beside"), REFUSED)
def test_a_value_that_cannot_work_is_refused_by_its_name(
    path: str, value: object, beside: dict[str, Any]
) -> None:
    assert f"{path}: " in refusal(merged(beside, nested(path, value)), "helm4")


def test_a_key_of_a_consumer_is_refused_where_it_is_no_reference() -> None:
    keys = [{"value": "${file:/run/a.key}"}, {"value": "hunter2-hunter2-hunter2"}]
    told = refusal(nested("config.consumers.a.keys", keys), "helm4")
    assert "config.consumers.a.keys[1].value: " in told
    assert "hunter2" not in told


def without(values: dict[str, Any], path: str) -> dict[str, Any]:
    """Return values without the one at a path, whose last part may have dots."""
    for key, value in values.items():
        if path == key:
            return {name: other for name, other in values.items() if name != key}
        if path.startswith(f"{key}."):
            return {**values, key: without(value, path.removeprefix(f"{key}."))}
    raise KeyError(path)


@pytest.mark.parametrize(
    ("profile", "path"), [(profile, path) for profile in NAMES for path in missing(profile)]
)
def test_what_a_profile_cannot_know_is_asked_for_by_its_name(profile: str, path: str) -> None:
    said = merged(without(SAID[profile], path), PLAIN)
    with pytest.raises(Refused) as error:
        render([PROFILES / f"{profile}.yaml"], said, helm="helm4")
    told = str(error.value)
    assert f"{path}: " in told or (path.endswith(".prefix") and "(or `prefix`)" in told)
