"""What the chart renders of Valkey: figures that fit, rights, and who reaches it."""

from __future__ import annotations

import subprocess
from typing import Any

import pytest

from support.helm import (
    LEAST,
    Manifest,
    Refused,
    application,
    containers,
    of_kind,
    one,
    pod_of,
    render,
    render_text,
)

GIB = 2**30
EXTERNAL = {"valkey": {"enabled": False}, "state": {"url": "rediss://cache.example:6379"}}


@pytest.fixture(scope="module")
def manifests() -> list[Manifest]:
    return render((), LEAST)


def files(manifests: list[Manifest]) -> dict[str, str]:
    data: dict[str, str] = one(manifests, "ConfigMap", "valkey")["data"]
    return data


def settings(text: str) -> dict[str, str]:
    """Return the lines of a configuration, the last word of each by what stands before it."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_every_script_is_posix_shell(manifests: list[Manifest]) -> None:
    scripts = {name: text for name, text in files(manifests).items() if name.endswith(".sh")}
    assert set(scripts) >= {"server.sh", "sentinel.sh", "handover.sh", "probe.sh"}
    for text in scripts.values():
        subprocess.run(["dash", "-n"], input=text, text=True, check=True)


@pytest.mark.parametrize(("limit", "most"), [("1Gi", GIB), ("512Mi", GIB / 2), ("2G", 2e9)])
def test_maxmemory_is_below_the_limit_of_the_container(limit: str, most: float) -> None:
    memory = {"memory": limit}
    resources = {"requests": memory, "limits": memory}
    values: dict[str, Any] = {**LEAST, "valkey": {"resources": resources}}
    found = settings(files(render((), values))["valkey.conf"])
    assert int(found["maxmemory"]) == int(most * 60 / 100)
    assert found["maxmemory-policy"] == "noeviction"


def test_a_primary_that_nobody_follows_does_not_write(manifests: list[Manifest]) -> None:
    found = settings(files(manifests)["valkey.conf"])
    assert found["min-replicas-to-write"] == "1"
    down_after = settings(files(manifests)["sentinel.conf"])
    assert 1000 <= int(down_after["sentinel down-after-milliseconds limits"]) <= 5000


def test_the_gateway_asks_every_sentinel_by_name_and_over_tls(manifests: list[Manifest]) -> None:
    state = application(manifests)["state"]
    hosts = ",".join(f"valkey-{n}.valkey:26379" for n in range(3))
    assert state["url"] == f"rediss+sentinel://{hosts}/limits"
    assert state["username"] == state["sentinel_username"] == "gateway"
    assert state["tls"]["ca"].endswith("/ca.crt")
    for name in ("valkey.conf", "sentinel.conf"):
        found = settings(files(manifests)[name])
        assert found["port"] == "0", "nothing listens without TLS"
        assert found["tls-replication"] == "yes"


def test_without_tls_nothing_is_said_of_it() -> None:
    manifests = render((), {**LEAST, "tls": {"source": "off"}})
    assert application(manifests)["state"]["url"].startswith("redis+sentinel://")
    assert "tls" not in application(manifests)["state"]
    for name in ("valkey.conf", "sentinel.conf"):
        assert "tls" not in files(manifests)[name]
    assert not [s for s in of_kind(manifests, "Secret") if "tls" in s["metadata"]["name"]]


def test_an_image_may_be_named_by_digest() -> None:
    digest = "sha256:" + "0" * 64
    manifests = render((), {**LEAST, "valkey": {"image": {"digest": digest}}})
    pod = pod_of(one(manifests, "StatefulSet", "valkey"))
    assert pod is not None
    assert {each["image"] for each in containers(pod)} == {f"docker.io/valkey/valkey@{digest}"}


def test_at_most_one_of_three_is_taken_away_and_no_two_share_a_host(
    manifests: list[Manifest],
) -> None:
    assert one(manifests, "PodDisruptionBudget", "valkey")["spec"]["maxUnavailable"] == 1
    stateful = one(manifests, "StatefulSet", "valkey")["spec"]
    spread = {
        each["topologyKey"]: each["whenUnsatisfiable"]
        for each in stateful["template"]["spec"]["topologySpreadConstraints"]
    }
    assert spread["kubernetes.io/hostname"] == "DoNotSchedule"
    assert stateful["podManagementPolicy"] == "Parallel"


def test_only_the_gateway_and_valkey_reach_valkey(manifests: list[Manifest]) -> None:
    policy = one(manifests, "NetworkPolicy", "valkey")["spec"]
    (rule,) = policy["ingress"]
    peers = [each["podSelector"]["matchLabels"] for each in rule["from"]]
    assert all(set(each) == {"podSelector"} for each in rule["from"]), "of this namespace"
    assert [each["app.kubernetes.io/component"] for each in peers] == ["gateway", "valkey"]
    assert {each["port"] for each in rule["ports"]} == {6379, 26379}
    assert {"Ingress", "Egress"} == set(policy["policyTypes"])


def test_neither_arguments_nor_configmaps_have_a_password() -> None:
    text = render_text((), {**LEAST, "secrets": {"source": "generated"}})
    manifests = render((), LEAST)
    stateful = one(manifests, "StatefulSet", "valkey")
    for container in stateful["spec"]["template"]["spec"]["containers"]:
        assert container["command"][0] == "sh"
        assert "args" not in container
        secrets = [entry for entry in container["env"] if "PASSWORD" in entry["name"]]
        assert all("secretKeyRef" in entry["valueFrom"] for entry in secrets)
    assert "requirepass" not in text


def test_an_external_state_needs_its_url_and_leaves_nothing_of_valkey() -> None:
    manifests = render((), {**LEAST, **EXTERNAL})
    assert not [m for m in manifests if m["metadata"]["name"] == "valkey"]
    assert application(manifests)["state"]["url"] == "rediss://cache.example:6379"
    with pytest.raises(Refused, match=r"state\.url: expected where the state is"):
        render((), {**LEAST, "valkey": {"enabled": False}})
    with pytest.raises(Refused, match=r"expected valkey\.enabled: false"):
        render((), {**LEAST, "state": EXTERNAL["state"]})


def test_an_authority_of_an_external_state_is_mounted() -> None:
    state = {**EXTERNAL["state"], "tls": {"ca": "-----BEGIN CERTIFICATE-----"}}
    manifests = render((), {**LEAST, **EXTERNAL, "state": state})
    path = application(manifests)["state"]["tls"]["ca"]
    pod = pod_of(one(manifests, "Deployment", "gateway"))
    assert pod is not None
    mounts = {each["mountPath"]: each["name"] for each in containers(pod)[0]["volumeMounts"]}
    volume = mounts[path.rpartition("/")[0]]
    (source,) = [each for each in pod["spec"]["volumes"] if each["name"] == volume]
    assert one(manifests, "ConfigMap", source["configMap"]["name"])["data"]["ca.crt"]


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"downAfterMilliseconds": 500}, "downAfterMilliseconds"),
        ({"maxmemoryPercent": 95}, "maxmemoryPercent"),
        ({"minReplicasToWrite": 3}, "minReplicasToWrite"),
        ({"replicas": 5}, "replicas"),
        ({"image": {"digest": "latest"}}, "digest"),
    ],
    ids=str,
)
def test_a_wrong_value_is_refused_by_name(values: dict[str, Any], named: str) -> None:
    with pytest.raises(Refused, match=named):
        render((), {**LEAST, "valkey": values})


def test_a_new_gateway_does_not_restart_what_counts(manifests: list[Manifest]) -> None:
    newer = render((), {**LEAST, "image": {"tag": "99.0.0"}, "secrets": {"peppers": ["2", "1"]}})
    before, after = (one(each, "StatefulSet", "valkey")["spec"] for each in (manifests, newer))
    assert before["template"]["metadata"]["labels"] == after["template"]["metadata"]["labels"]
    assert "app.kubernetes.io/version" not in after["template"]["metadata"]["labels"]
    gateways = [pod_of(one(each, "Deployment", "gateway")) for each in (manifests, newer)]
    assert gateways[0] != gateways[1]
