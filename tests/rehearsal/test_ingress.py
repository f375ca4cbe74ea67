"""The ingress as clients and pods see it: TLS, addresses that nobody chooses, and retries."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from rehearsal.cluster import Cluster
from rehearsal.ingress import Backend, Site, site, virtual_hosts
from rehearsal.ingress import Path as SitePath
from rehearsal.objects import Manifest, Objects
from rehearsal.standing import (
    OFTEN,
    ask,
    cluster,
    container,
    ingress,
    pod,
    service,
    workload,
)
from support.certificates import Authority, Pair
from support.loops import run

HOST = "echo.example.com"
CLAIMS = {
    "x-forwarded-for": "192.0.2.1",
    "x-real-ip": "192.0.2.2",
    "forwarded": "for=192.0.2.3",
    "x-forwarded-proto": "gopher",
}


def secret(name: str, pair: Pair, authority: Authority) -> Manifest:
    texts = {"tls.crt": pair.certificate, "tls.key": pair.key, "ca.crt": authority.ca}
    data = {key: path.read_text() for key, path in texts.items()}
    metadata = {"name": name}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data}


def speaking_tls() -> Manifest:
    """Return the program with a certificate of its own."""
    manifest = workload(replicas=1)
    mount = {"name": "pair", "mountPath": "/pair"}
    environ = [{"name": "CERTIFICATE", "value": "/pair"}]
    probe = {"httpGet": {"path": "/ready", "port": "http", "scheme": "HTTPS"}, **OFTEN}
    one = container(env=environ, volumeMounts=[mount], readinessProbe=probe)
    manifest["spec"]["template"] = pod(
        one, volumes=[{"name": "pair", "secret": {"secretName": "inner"}}]
    )
    return manifest


async def seen(at: Cluster, client: str, **tls: Any) -> dict[str, str]:
    """Return the headers that a pod gets from a client that claims to be somebody else."""
    station = await at.client(client)
    port = 443 if tls else 80
    headers = {**CLAIMS, "x-request-id": client}
    status, body = await ask(station, HOST, port, headers=headers, address=at.address, **tls)
    assert status == 200, body
    lines = [line.partition(": ") for line in body.splitlines()[3:]]
    return {name: value for name, _, value in lines} | {"peer": body.splitlines()[2][5:]}


def test_each_client_is_its_own_address_over_tls_whatever_it_claims(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    outer = secret("outer", authority.issue([HOST]), authority)
    tls = {"ssl": authority.client_context(), "server_hostname": HOST}

    async def work() -> None:
        async with cluster(tmp_path / "cluster") as at:
            given = [workload(replicas=1), service(), ingress(secret="outer"), outer]
            await at.install(given)
            await at.settled()
            (pod,) = (each.live.address for each in at.pods.held.values() if each.live is not None)
            one, two = await seen(at, "one", **tls), await seen(at, "two", **tls)
            assert one["peer"] == two["peer"] == at.address
            assert one["x-forwarded-for"] == one["x-real-ip"] != two["x-forwarded-for"]
            assert one["x-original-forwarded-for"] == CLAIMS["x-forwarded-for"]
            assert (one["forwarded"], one["x-forwarded-proto"]) == ("for=192.0.2.3", "https")
            await at.wait_for(lambda: at.proxy.sent_to().get("one") == pod, "where it went")
            plain = await at.client("plain")
            assert (await ask(plain, HOST, address=at.address))[0] == 308

    run(work(), within_s=55)


def test_a_balancer_that_appends_puts_the_address_last(tmp_path: Path) -> None:
    async def work() -> None:
        async with cluster(tmp_path, forwarded="append") as at:
            await at.install([workload(replicas=1), service(), ingress()])
            await at.settled()
            headers = await seen(at, "one")
            claimed, _, last = headers["x-forwarded-for"].partition(",")
            assert claimed == CLAIMS["x-forwarded-for"]
            assert last.startswith("10.244.")

    run(work(), within_s=55)


def test_pods_that_speak_tls_are_believed_by_their_authority_alone(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    inner = secret("inner", authority.issue(["echo"]), authority)
    foreign = secret("foreign", authority.issue(["echo"]), other)

    def verified(by: str) -> Manifest:
        return ingress(
            backend_protocol="HTTPS",
            proxy_ssl_secret=f"default/{by}",
            proxy_ssl_verify="on",
            proxy_ssl_name="echo",
        )

    async def work() -> None:
        async with cluster(tmp_path / "cluster") as at:
            given = [speaking_tls(), service(), inner, foreign]
            await at.install([*given, verified("inner")])
            await at.settled()
            client = await at.client("one")

            async def answers(status: int) -> bool:
                return (await ask(client, HOST, address=at.address))[0] == status

            assert await answers(200)
            await at.apply(verified("foreign"))
            await at.wait_for(lambda: answers(503), "a certificate of another authority is refused")

    run(work(), within_s=55)


def test_an_http_route_goes_to_pods_by_its_tls_policy(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    inner = secret("inner", authority.issue(["echo"]), authority)
    authorities = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "authorities"},
        "data": {"ca.crt": authority.ca.read_text()},
    }
    policy = {
        "kind": "BackendTLSPolicy",
        "metadata": {"name": "echo"},
        "spec": {
            "targetRefs": [{"kind": "Service", "name": "echo"}],
            "validation": {
                "hostname": "echo",
                "caCertificateRefs": [{"kind": "ConfigMap", "name": "authorities"}],
            },
        },
    }
    route = {
        "kind": "HTTPRoute",
        "metadata": {"name": "echo"},
        "spec": {"hostnames": [HOST], "rules": [{"backendRefs": [{"name": "echo", "port": 80}]}]},
    }

    async def work() -> None:
        async with cluster(tmp_path / "cluster") as at:
            await at.install([speaking_tls(), service(), inner, authorities, policy, route])
            await at.settled()
            context = ssl.create_default_context(cafile=str(at.authority.ca))
            headers = await seen(at, "one", ssl=context, server_hostname=HOST)
            assert headers["x-forwarded-proto"] == "https"

    run(work(), within_s=55)


def test_only_what_was_not_sent_or_may_be_sent_twice_is_tried_elsewhere() -> None:
    found = Site({HOST: [SitePath("/", exact=False, backends=((Backend("echo", 80), 1),))]})
    (host,) = virtual_hosts(found, secure=True, forwarded="replace")
    posts, others = host["routes"]
    assert posts["match"]["headers"][0]["string_match"]["safe_regex"]["regex"] == "POST|PATCH|LOCK"
    policies = [each["route"]["retry_policy"] for each in (posts, others)]
    assert [each["retry_on"] for each in policies] == [
        "connect-failure,refused-stream,reset-before-request",
        "connect-failure,refused-stream,reset",
    ]
    for each in policies:
        assert each["num_retries"] == 2
        assert each["retry_host_predicate"][0]["name"].endswith("previous_hosts")


def test_exact_and_longer_paths_come_first() -> None:
    objects = Objects()
    objects.apply(service())
    manifest = ingress()
    paths = manifest["spec"]["rules"][0]["http"]["paths"]
    backend = paths[0]["backend"]
    paths += [
        {"path": "/a", "pathType": "Prefix", "backend": backend},
        {"path": "/a/b", "pathType": "Prefix", "backend": backend},
        {"path": "/a", "pathType": "Exact", "backend": backend},
    ]
    objects.apply(manifest)
    found = [(each.path, each.exact) for each in site(objects).hosts[HOST]]
    assert found == [("/a", True), ("/a/b", False), ("/a", False), ("/", False)]


def test_an_ingress_that_would_speak_plain_http_to_tls_is_refused() -> None:
    objects = Objects()
    ports = [{"name": "http", "port": 80, "appProtocol": "https"}]
    objects.apply(service(ports=ports))
    objects.apply(ingress())
    with pytest.raises(ValueError, match="Service echo speaks TLS: the Ingress needs"):
        site(objects)
    objects.apply(ingress(backend_protocol="HTTPS"))
    assert {each.cluster for each in site(objects).backends} == {"http/echo/80/tls"}


def test_a_port_that_a_service_does_not_have_is_refused() -> None:
    objects = Objects()
    objects.apply(service())
    manifest = ingress()
    backend = manifest["spec"]["rules"][0]["http"]["paths"][0]["backend"]
    backend["service"]["port"] = {"number": 81}
    objects.apply(manifest)
    with pytest.raises(ValueError, match=r"Service echo has no port .*81"):
        site(objects)
