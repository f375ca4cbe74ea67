"""The profiles: what each cloud and kind have of their own, and how one learns what to say."""

from __future__ import annotations

import copy
import re
from functools import cache

import pytest
import yaml

from support.helm import (
    PROFILES,
    ROOT,
    Manifest,
    Refused,
    application,
    of_kind,
    one,
    pod_of,
    render,
)
from support.profiles import SAID, missing

CLOUDS = ("eks", "gke", "aks")


@cache
def rendered(profile: str) -> list[Manifest]:
    return render([PROFILES / f"{profile}.yaml"], SAID[profile])


@pytest.mark.parametrize("profile", CLOUDS)
def test_what_has_to_be_said_stands_at_the_head_of_the_profile(profile: str) -> None:
    head = (PROFILES / f"{profile}.yaml").read_text().split("\nimage:")[0]
    told = {
        line.removeprefix("#     ").split()[0] for line in head.splitlines() if line[6:].strip()
    }
    assert set(missing(profile)) <= told


@pytest.mark.parametrize("profile", CLOUDS)
def test_an_annotation_that_is_left_empty_is_refused_by_name(profile: str) -> None:
    said = copy.deepcopy(SAID[profile])
    (name,) = said["serviceAccount"]["annotations"]
    said["serviceAccount"]["annotations"][name] = ""
    with pytest.raises(Refused, match=re.escape(f"serviceAccount.annotations.{name}: expected")):
        render([PROFILES / f"{profile}.yaml"], said)


@pytest.mark.parametrize("profile", CLOUDS)
def test_a_cloud_identity_may_be_left_out(profile: str) -> None:
    said = copy.deepcopy(SAID[profile])
    said["serviceAccount"]["annotations"] = None
    account = one(render([PROFILES / f"{profile}.yaml"], said), "ServiceAccount", "gateway")
    assert not account["metadata"].get("annotations")


@pytest.mark.parametrize("profile", CLOUDS)
def test_a_cloud_spreads_over_zones_and_takes_secrets_from_its_store(profile: str) -> None:
    manifests = rendered(profile)
    for kind, name in (("Deployment", "gateway"), ("StatefulSet", "valkey")):
        pod = pod_of(one(manifests, kind, name))
        assert pod is not None
        spread = {
            each["topologyKey"]: each["whenUnsatisfiable"]
            for each in pod["spec"]["topologySpreadConstraints"]
        }
        assert spread["topology.kubernetes.io/zone"] == "DoNotSchedule"
    (claim,) = one(manifests, "StatefulSet", "valkey")["spec"]["volumeClaimTemplates"]
    assert claim["spec"]["storageClassName"]
    assert one(manifests, "ExternalSecret", "gateway-secrets")
    assert not [s for s in of_kind(manifests, "Secret") if "secrets" in s["metadata"]["name"]]


@pytest.mark.parametrize("profile", ["eks", "gke"])
def test_a_balancer_speaks_tls_to_the_gateway_and_asks_whether_it_is_ready(profile: str) -> None:
    manifests = rendered(profile)
    ingress = one(manifests, "Ingress", "api-gateway")["metadata"]["annotations"]
    service = one(manifests, "Service", "api-gateway")
    if profile == "eks":
        assert ingress["alb.ingress.kubernetes.io/backend-protocol"] == "HTTPS"
        assert ingress["alb.ingress.kubernetes.io/healthcheck-path"].endswith("/readiness")
    else:
        (port,) = service["spec"]["ports"]
        protocols = yaml.safe_load(
            service["metadata"]["annotations"]["cloud.google.com/app-protocols"]
        )
        assert protocols == {port["name"]: "HTTPS"}


def test_it_is_never_the_gateway_that_closes_a_connection_first() -> None:
    """A request that is on its way to a connection that ends is a 502 of the balancer."""
    kept = {"gke": 600, "eks": 60}
    ingress = one(rendered("eks"), "Ingress", "api-gateway")["metadata"]["annotations"]
    told = ingress["alb.ingress.kubernetes.io/load-balancer-attributes"]
    assert told == f"idle_timeout.timeout_seconds={kept['eks']}"
    for profile, seconds in kept.items():
        settings = application(rendered(profile))["gateway"].get("http", {})
        assert int(settings.get("keepalive_timeout", "75s").removesuffix("s")) > seconds


def test_an_upgrade_waits_until_the_balancer_of_eks_can_have_found_a_pod_healthy() -> None:
    manifests = rendered("eks")
    asked = one(manifests, "Ingress", "api-gateway")["metadata"]["annotations"]
    every, times = (
        int(asked[f"alb.ingress.kubernetes.io/{name}"])
        for name in ("healthcheck-interval-seconds", "healthy-threshold-count")
    )
    assert one(manifests, "Deployment", "gateway")["spec"]["minReadySeconds"] >= 2 * every * times


def test_the_database_of_kind_waits_for_the_secret_that_the_chart_makes_first() -> None:
    manifests = rendered("kind")
    documents = list(yaml.safe_load_all((ROOT / "deploy/kind/postgresql.yaml").read_text()))
    (database,) = of_kind(documents, "StatefulSet")
    (container,) = database["spec"]["template"]["spec"]["containers"]
    asked = [
        entry["valueFrom"]["secretKeyRef"] for entry in container["env"] if "valueFrom" in entry
    ]
    for each in asked:
        assert each["key"] in one(manifests, "Secret", each["name"])["data"]
    (service,) = of_kind(documents, "Service")
    assert f"@{service['metadata']['name']}" not in str(container), "no URL with a password"
    script = of_kind(documents, "ConfigMap")[0]["data"]["roles.sh"]
    arguments = script[script.index("\npsql") : script.index("<<'SQL'")]
    assert "PASSWORD" not in arguments, "they are seen by whoever sees processes"
    assert f"//{service['metadata']['name']}:5432/" in application(manifests)["store"]["url"]
    policy = one(manifests, "NetworkPolicy", "gateway")["spec"]["egress"]
    labels = database["spec"]["template"]["metadata"]["labels"]
    assert {"podSelector": {"matchLabels": labels}} in [to for rule in policy for to in rule["to"]]


def test_the_networks_of_kind_are_those_that_its_profile_trusts() -> None:
    cluster = yaml.safe_load((ROOT / "deploy/kind/cluster.yaml").read_text())
    gateway = application(rendered("kind"))["gateway"]
    assert gateway["trusted_proxies"] == [cluster["networking"]["podSubnet"]]
    assert set(cluster["networking"].values()) == set(gateway["private_networks"])
