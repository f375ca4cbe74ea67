"""An upgrade keeps what the first installation made up: helm looks it up in the cluster.

The cluster is the part of the Kubernetes API that `lookup` asks: discovery and single objects.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from support.helm import LEAST, Manifest, of_kind, one, render

RESOURCES = {
    "kind": "APIResourceList",
    "groupVersion": "v1",
    "resources": [{"name": "secrets", "kind": "Secret", "namespaced": True, "verbs": ["get"]}],
}
DISCOVERY: dict[str, dict[str, Any]] = {
    "/version": {"major": "1", "minor": "32", "gitVersion": "v1.32.0"},
    "/api": {"kind": "APIVersions", "versions": ["v1"]},
    "/apis": {"kind": "APIGroupList", "apiVersion": "v1", "groups": []},
    "/api/v1": RESOURCES,
}
VALUES = {**LEAST, "secrets": {"source": "generated"}}


class Cluster(ThreadingHTTPServer):
    """Keeps Secrets by name."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answers)
        self.secrets: dict[str, Manifest] = {}

    def install(self, manifests: list[Manifest]) -> None:
        """Keep the Secrets of a rendering."""
        for secret in of_kind(manifests, "Secret"):
            self.secrets[secret["metadata"]["name"]] = secret

    def render(self, values: dict[str, Any]) -> list[Manifest]:
        """Render the chart as an upgrade of what is here."""
        server = f"--kube-apiserver=http://127.0.0.1:{self.server_port}"
        return render((), values, options=["--dry-run=server", "--is-upgrade", server])


class Answers(BaseHTTPRequestHandler):
    """Answers of the API server."""

    server: Cluster

    def do_GET(self) -> None:
        path = self.path.partition("?")[0]
        found = DISCOVERY.get(path) or self.server.secrets.get(path.rpartition("/secrets/")[2])
        body = found or {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 404,
                         "reason": "NotFound"}  # fmt: skip
        text = json.dumps(body).encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    with Cluster() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        server.install(server.render(VALUES))
        yield server
        server.shutdown()
        thread.join()


def data(manifests: list[Manifest], name: str) -> dict[str, str]:
    found: dict[str, str] = one(manifests, "Secret", name)["data"]
    return found


def test_an_upgrade_changes_no_secret_and_no_certificate(cluster: Cluster) -> None:
    again = cluster.render(VALUES)
    assert {each["metadata"]["name"] for each in of_kind(again, "Secret")} == set(cluster.secrets)
    for name, secret in cluster.secrets.items():
        assert data(again, name) == secret["data"], name


def test_a_new_key_is_made_and_the_old_ones_stay(cluster: Cluster) -> None:
    peppers = {**VALUES, "secrets": {"source": "generated", "peppers": ["2", "1"]}}
    after = data(cluster.render(peppers), "gateway-secrets")
    before = cluster.secrets["gateway-secrets"]["data"]
    assert {key: after[key] for key in before} == before
    assert after["pepper-2"] not in before.values()


def test_a_new_name_gets_a_new_certificate_of_the_same_authority(cluster: Cluster) -> None:
    after = cluster.render({**VALUES, "tls": {"names": ["gateway.example"]}})
    before = cluster.secrets
    assert data(after, "gateway-tls")["tls.crt"] != before["gateway-tls"]["data"]["tls.crt"]
    assert data(after, "gateway-tls")["ca.crt"] == before["gateway-tls"]["data"]["ca.crt"]
    assert data(after, "valkey-tls") == before["valkey-tls"]["data"]
