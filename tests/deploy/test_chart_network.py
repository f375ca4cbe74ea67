"""Who reaches whom under the chart's NetworkPolicies, and through which edge clients come."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest

from deploy.conftest import Rendered
from support.helm import LEAST, Manifest, Refused, application, of_kind, one, render
from support.network_policies import Peer, may_reach
from support.profiles import NAMES

PLAIN = {"tls": {"source": "off"}}
BACKEND = "nginx.ingress.kubernetes.io/backend-protocol"
OURS = {"app.kubernetes.io/name": "sluicegate", "app.kubernetes.io/instance": "gateway"}
SYSTEM = {"kubernetes.io/metadata.name": "kube-system"}


def ours(component: str, ip: str = "10.244.1.5") -> Peer:
    labels = {**OURS, "app.kubernetes.io/component": component}
    return Peer(ip, labels, "gateway", {"kubernetes.io/metadata.name": "gateway"})


GATEWAY = ours("gateway")
BALANCER = Peer("10.244.3.3", {"app": "balancer"}, "gateway", {})
PROMETHEUS = Peer("10.244.4.4", {"app": "p"}, "m", {"kubernetes.io/metadata.name": "monitoring"})
STRANGER = Peer("10.244.9.9", {"app": "other"}, "shop", {"kubernetes.io/metadata.name": "shop"})
NEIGHBOUR = Peer("10.244.9.8", {"app": "other"}, "gateway", {})
DNS = Peer("10.96.0.10", {"k8s-app": "kube-dns"}, "kube-system", SYSTEM)


def policies(manifests: list[Manifest]) -> list[Manifest]:
    return of_kind(manifests, "NetworkPolicy")


@pytest.mark.parametrize(
    ("caller", "port", "allowed"),
    [
        (BALANCER, 8080, True),
        (BALANCER, 9090, False),
        (PROMETHEUS, 9090, True),
        (PROMETHEUS, 8080, False),
        (STRANGER, 8080, False),
        (STRANGER, 9090, False),
        (NEIGHBOUR, 8080, False),
        (NEIGHBOUR, 9090, False),
        (ours("test"), 8080, True),
        (ours("test"), 9090, False),
        (ours("migration"), 9090, True),
        (ours("migration"), 8080, False),
        (ours("valkey"), 8080, False),
        (ours("gateway", "10.244.1.6"), 8080, False),
        (Peer("203.0.113.9"), 8080, False),
    ],
)
def test_only_who_is_named_reaches_the_gateway(
    least: list[Manifest], caller: Peer, port: int, *, allowed: bool
) -> None:
    assert may_reach(policies(least), caller, GATEWAY, port) is allowed


@pytest.mark.parametrize(
    ("called", "port", "protocol", "allowed"),
    [
        (DNS, 53, "UDP", True),
        (DNS, 53, "TCP", True),
        (STRANGER, 53, "UDP", False),
        (ours("valkey"), 6379, "TCP", True),
        (ours("valkey"), 26379, "TCP", True),
        (ours("valkey"), 22, "TCP", False),
        (Peer("10.0.4.7"), 5432, "TCP", True),
        (Peer("10.0.4.7"), 5433, "TCP", False),
        (Peer("203.0.113.7"), 5432, "TCP", False),
        (Peer("104.18.7.1"), 443, "TCP", True),
        (Peer("104.18.7.1"), 80, "TCP", False),
        (Peer("2606:4700::6812:701"), 443, "TCP", True),
        (Peer("10.0.4.7"), 443, "TCP", False),
        (Peer("169.254.169.254"), 443, "TCP", False),
        (Peer("169.254.169.254"), 80, "TCP", False),
        (Peer("168.63.129.16"), 443, "TCP", False),
        (Peer("fd00:ec2::254"), 443, "TCP", False),
        (Peer("fd00:ec2::254"), 80, "TCP", False),
        (STRANGER, 8080, "TCP", False),
    ],
)
def test_the_gateway_reaches_names_state_store_and_public_addresses(
    least: list[Manifest], called: Peer, port: int, protocol: str, *, allowed: bool
) -> None:
    assert may_reach(policies(least), GATEWAY, called, port, protocol) is allowed


@pytest.mark.parametrize(
    ("called", "port", "allowed"),
    [
        (Peer("10.0.4.7"), 5432, True),
        (ours("gateway"), 9090, True),
        (ours("gateway"), 8080, False),
        (ours("valkey"), 6379, False),
        (Peer("104.18.7.1"), 443, False),
    ],
)
def test_a_migration_reaches_the_store_and_asks_replicas_for_their_version(
    least: list[Manifest], called: Peer, port: int, *, allowed: bool
) -> None:
    assert may_reach(policies(least), ours("migration", "10.244.1.9"), called, port) is allowed


def test_whatever_else_the_release_may_have_is_closed(least: list[Manifest]) -> None:
    assert not may_reach(policies(least), ours("later"), STRANGER, 80)
    assert not may_reach(policies(least), STRANGER, ours("later"), 80)
    assert may_reach(policies(least), STRANGER, NEIGHBOUR, 80)  # not ours to close


def test_more_is_opened_by_value_and_443_can_be_closed() -> None:
    shop = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "shop"}}}
    more = {
        **LEAST["networkPolicy"],
        "extraEgress": [{"to": [shop], "ports": [{"port": 8080}]}],
        "extraIngress": [{"from": [shop], "ports": [{"port": 8080}]}],
        "egress": {"public443": False, "database": [{"ipBlock": {"cidr": "10.9.0.0/24"}}]},
    }
    made = policies(render([], {**LEAST, **PLAIN, "networkPolicy": more}))
    assert may_reach(made, GATEWAY, STRANGER, 8080)
    assert may_reach(made, STRANGER, GATEWAY, 8080)
    assert not may_reach(made, GATEWAY, Peer("104.18.7.1"), 443)
    assert may_reach(made, GATEWAY, Peer("10.9.0.4"), 5432)
    assert not may_reach(made, GATEWAY, Peer("10.0.4.7"), 5432)


def test_a_state_outside_is_reached_where_it_is_said_to_be() -> None:
    outside = {
        "valkey": {"enabled": False},
        "state": {"url": "rediss://cache.example:6380"},
        "networkPolicy": {
            **LEAST["networkPolicy"],
            "egress": {"state": [{"ipBlock": {"cidr": "10.7.0.0/16"}}], "statePorts": [6380]},
        },
    }
    made = policies(render([], {**LEAST, **PLAIN, **outside}))
    assert may_reach(made, GATEWAY, Peer("10.7.1.1"), 6380)
    assert not may_reach(made, GATEWAY, Peer("10.7.1.1"), 6379)
    assert not may_reach(made, GATEWAY, Peer("10.8.1.1"), 6380)


@pytest.mark.parametrize(
    ("called", "port"),
    [
        (DNS, 53),
        (Peer("10.0.0.9", {"k8s-app": "node-local-dns"}, "kube-system", SYSTEM), 53),
        (Peer("169.254.20.10"), 53),
        (Peer("169.254.169.254"), 53),
    ],
)
def test_pods_reach_the_name_servers_of_gke_and_not_its_metadata(
    called: Peer, port: int, rendered: Rendered
) -> None:
    made = policies(rendered("gke"))
    for caller in (GATEWAY, ours("migration"), ours("valkey"), ours("test")):
        assert may_reach(made, caller, called, port, "UDP")
        assert not may_reach(made, caller, called, 80)


def test_an_empty_list_opens_nothing() -> None:
    """Of ports or peers an empty list is every one, to Kubernetes."""
    more = {**LEAST["networkPolicy"], "egress": {"dns": []}}
    manifests = render([], {**LEAST, **PLAIN, "networkPolicy": more})
    for caller in (GATEWAY, ours("migration"), ours("test"), ours("valkey")):
        assert not may_reach(policies(manifests), caller, Peer("203.0.113.9"), 53, "UDP")
    more = {**LEAST["networkPolicy"], "egress": {"statePorts": []}}
    with pytest.raises(Refused, match="statePorts"):
        render([], {**LEAST, **PLAIN, "networkPolicy": more})


@pytest.mark.parametrize("kind", ["LoadBalancer", "NodePort"])
def test_pods_see_the_addresses_of_clients_who_come_without_a_proxy(kind: str) -> None:
    manifests = render([], {**LEAST, **PLAIN, "service": {"type": kind}})
    assert one(manifests, "Service", "api-gateway")["spec"]["externalTrafficPolicy"] == "Local"
    within = one(render([], {**LEAST, **PLAIN}), "Service", "api-gateway")
    assert "externalTrafficPolicy" not in within["spec"]


@pytest.mark.parametrize("profile", NAMES)
def test_each_profile_believes_a_balancer_and_nobody_else(profile: str, rendered) -> None:  # noqa: ANN001 - conftest
    believed = application(rendered(profile))["gateway"]["trusted_proxies"]
    assert believed
    for network in believed:
        assert not ipaddress.ip_network(network).overlaps(ipaddress.ip_network("203.0.113.0/24"))


@pytest.mark.parametrize("profile", ["eks", "gke", "aks"])
def test_clients_of_each_profile_speak_tls_to_an_edge(profile: str, rendered) -> None:  # noqa: ANN001 - conftest
    edges = of_kind(rendered(profile), "Ingress", "HTTPRoute")
    assert edges
    for edge in edges:
        annotations = edge["metadata"].get("annotations") or {}
        told = "tls" in edge["spec"] or any("cert" in name for name in annotations)
        assert told or edge["kind"] == "HTTPRoute"
        if edge["kind"] == "HTTPRoute":
            assert all(parent.get("sectionName") for parent in edge["spec"]["parentRefs"])


def test_an_ingress_leads_to_the_service() -> None:
    edge = {
        "gateway": {"trustedProxies": ["10.244.0.0/16"]},
        "ingress": {"enabled": True, "hosts": ["api.example.com"], "tls": {"secretName": "edge"}},
    }
    spec = one(render([], {**LEAST, **PLAIN, **edge}), "Ingress", "api-gateway")["spec"]
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["api.example.com"], "secretName": "edge"}]
    backend = spec["rules"][0]["http"]["paths"][0]["backend"]
    assert backend == {"service": {"name": "api-gateway", "port": {"name": "http"}}}


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({}, "HTTPS"),
        ({"ingress": {"annotations": {BACKEND: "GRPCS"}}}, "GRPCS"),
        ({"ingress": {"className": "traefik"}}, None),
        ({"tls": {"source": "off"}}, None),
    ],
    ids=["by itself", "said", "another controller", "plain"],
)
def test_ingress_nginx_is_told_that_the_gateway_speaks_tls(
    values: dict[str, Any], told: str | None
) -> None:
    ingress = {"enabled": True, "hosts": ["api.example.com"], "tls": {"secretName": "edge"}}
    given = {**LEAST, **values, "gateway": {"trustedProxies": ["10.244.0.0/16"]}}
    given["ingress"] = {**ingress, **values.get("ingress", {})}
    metadata = one(render([], given), "Ingress", "api-gateway")["metadata"]
    assert (metadata.get("annotations") or {}).get(BACKEND) == told


def test_a_gateway_verifies_the_certificate_behind_it() -> None:
    edge = {
        "gateway": {"trustedProxies": ["10.244.0.0/16"]},
        "httpRoute": {
            "enabled": True,
            "hostnames": ["api.example.com"],
            "parentRefs": [{"name": "edge", "namespace": "edges", "sectionName": "https"}],
        },
    }
    manifests = render([], {**LEAST, **edge})
    rule = one(manifests, "HTTPRoute", "api-gateway")["spec"]["rules"][0]
    assert rule["backendRefs"] == [{"name": "api-gateway", "port": 8080}]
    policy = one(manifests, "BackendTLSPolicy", "api-gateway")["spec"]
    assert policy["validation"]["hostname"] == "api-gateway.gateway.svc"
    name = policy["validation"]["caCertificateRefs"][0]["name"]
    assert "BEGIN CERTIFICATE" in one(manifests, "ConfigMap", name)["data"]["ca.crt"]
    plain = render([], {**LEAST, **edge, **PLAIN})
    assert not of_kind(plain, "BackendTLSPolicy")
