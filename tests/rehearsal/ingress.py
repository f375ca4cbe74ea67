"""What an Ingress or an HTTPRoute means for the proxy: hosts, paths, headers, retries, TLS.

It behaves as ingress-nginx does where controllers differ: `X-Forwarded-*` and `X-Real-IP` are what
it sees itself, whatever a client claims; `Forwarded` passes untouched; a request is tried elsewhere
on `error timeout`, three tries in all, a POST or PATCH only while nothing of it was sent; plain
HTTP is sent to HTTPS where the host has TLS. Source: kubernetes/ingress-nginx,
rootfs/etc/nginx/template/nginx.tmpl, and docs/user-guide/nginx-configuration. With
`forwarded="append"` the address is added to what came, as an AWS ALB and Google's balancers do.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from rehearsal.objects import Manifest, Objects, name_of

Forwarded = Literal["replace", "append"]
Config = dict[str, Any]

NGINX = "nginx.ingress.kubernetes.io/"
TRIES = 3
CONNECT_TIMEOUT_S = 5
READ_TIMEOUT_S = 60
"""proxy-next-upstream-tries, proxy-connect-timeout and proxy-read-timeout of ingress-nginx."""

UNSENT = "connect-failure,refused-stream,reset-before-request"
UNANSWERED = "connect-failure,refused-stream,reset"
NOT_IDEMPOTENT = "POST|PATCH|LOCK"
"""Methods that nginx does not send again once something was sent (proxy_next_upstream)."""


@dataclass(frozen=True)
class UpstreamTls:
    """TLS to pods: not verified, as by ingress-nginx, unless an `authority` (PEM) is given."""

    authority: str = ""
    name: str = ""


@dataclass(frozen=True)
class Backend:
    """One port of a Service, as an HTTP upstream."""

    service: str
    port: int
    tls: UpstreamTls | None = None

    @property
    def cluster(self) -> str:
        """Return the name of the proxy's cluster."""
        return f"http/{self.service}/{self.port}" + ("" if self.tls is None else "/tls")


@dataclass(frozen=True)
class Path:
    """A path of a host: exact, or a prefix that ends at a slash."""

    path: str
    exact: bool
    backends: tuple[tuple[Backend, int], ...]
    read_timeout_s: int = READ_TIMEOUT_S


@dataclass
class Site:
    """Everything that is served: host → paths, and host → (certificate, key) in PEM."""

    hosts: dict[str, list[Path]] = field(default_factory=dict)
    certificates: dict[str, tuple[str, str]] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    """Hosts with TLS whose Secret is not there; they get the controller's own certificate."""

    @property
    def backends(self) -> set[Backend]:
        """Return every backend."""
        return {
            backend
            for paths in self.hosts.values()
            for path in paths
            for backend, _ in path.backends
        }


# --- reading objects ----------------------------------------------------------------------------


def site(objects: Objects) -> Site:
    """Read every Ingress and HTTPRoute."""
    found = Site()
    for ingress in objects.all("Ingress"):
        _read_ingress(found, ingress, objects)
    for route in objects.all("HTTPRoute"):
        _read_route(found, route, objects)
    for paths in found.hosts.values():
        paths.sort(key=lambda path: (not path.exact, -len(path.path)))
    return found


def _read_ingress(found: Site, ingress: Manifest, objects: Objects) -> None:
    notes = ingress["metadata"].get("annotations") or {}
    timeout = int(notes.get(NGINX + "proxy-read-timeout", READ_TIMEOUT_S))
    for rule in ingress["spec"].get("rules") or ():
        paths = found.hosts.setdefault(rule.get("host", "*"), [])
        for each in rule["http"]["paths"]:
            service = each["backend"]["service"]
            backend = _backend(
                objects, service["name"], service["port"], _nginx_tls(objects, notes)
            )
            exact = each["pathType"] == "Exact"
            paths.append(Path(each.get("path", "/"), exact, ((backend, 1),), timeout))
    for tls in ingress["spec"].get("tls") or ():
        pair = _pair(objects, tls.get("secretName", ""))
        for host in tls.get("hosts") or ():
            if pair is None:
                found.missing.add(host)
            else:
                found.certificates[host] = pair


def _read_route(found: Site, route: Manifest, objects: Objects) -> None:
    for host in route["spec"].get("hostnames") or ("*",):
        found.missing.add(host)  # the Gateway's own certificate, which no chart brings
        paths = found.hosts.setdefault(host, [])
        for rule in route["spec"]["rules"]:
            if rule.get("filters"):
                raise ValueError(f"HTTPRoute {name_of(route)}: filters are not served")
            backends = tuple(
                (_backend(objects, each["name"], {"number": each["port"]},
                          _policy_tls(objects, each["name"])), each.get("weight", 1))
                for each in rule["backendRefs"]
            )  # fmt: skip
            for match in rule.get("matches") or ({},):
                path = match.get("path") or {"type": "PathPrefix", "value": "/"}
                if set(match) - {"path"} or path["type"] not in {"PathPrefix", "Exact"}:
                    raise ValueError(f"HTTPRoute {name_of(route)}: only paths are served")
                paths.append(Path(path["value"], path["type"] == "Exact", backends))


def _backend(
    objects: Objects, name: str, port: Mapping[str, Any], tls: UpstreamTls | None
) -> Backend:
    """Return the backend for a port's name or number.

    Raises ValueError where its appProtocol is https and nothing tells the controller of that: those
    of ingresses do not look at appProtocol, and would speak plain HTTP.
    """
    service = objects.find("Service", name)
    ports = [] if service is None else service["spec"]["ports"]
    for each in ports:
        if each["port"] == port.get("number") or each.get("name", "") == port.get("name"):
            if tls is None and str(each.get("appProtocol", "")).lower() == "https":
                raise ValueError(
                    f"Service {name} speaks TLS: the Ingress needs the annotation"
                    f" {NGINX}backend-protocol: HTTPS (or its controller's own),"
                    " an HTTPRoute a BackendTLSPolicy"
                )
            return Backend(name, each["port"], tls)
    raise ValueError(f"Service {name} has no port {dict(port)}")


def _nginx_tls(objects: Objects, notes: Mapping[str, str]) -> UpstreamTls | None:
    protocols = [value for key, value in notes.items() if key.endswith("/backend-protocol")]
    if not {each.upper() for each in protocols} & {"HTTPS", "GRPCS"}:
        return None
    secret = notes.get(NGINX + "proxy-ssl-secret", "").rpartition("/")[2]
    if not secret or notes.get(NGINX + "proxy-ssl-verify", "off") != "on":
        return UpstreamTls(name=notes.get(NGINX + "proxy-ssl-name", ""))
    found = objects.get("Secret", secret)
    authority = text_of(found, "ca.crt")
    return UpstreamTls(authority, notes.get(NGINX + "proxy-ssl-name", ""))


def _policy_tls(objects: Objects, service: str) -> UpstreamTls | None:
    """Read the BackendTLSPolicy of a Service (gateway.networking.k8s.io)."""
    for policy in objects.all("BackendTLSPolicy"):
        if any(each["name"] == service for each in policy["spec"]["targetRefs"]):
            validation = policy["spec"]["validation"]
            texts = [
                text_of(objects.get(each.get("kind", "ConfigMap"), each["name"]), "ca.crt")
                for each in validation.get("caCertificateRefs") or ()
            ]
            return UpstreamTls("".join(texts), validation["hostname"])
    return None


def _pair(objects: Objects, secret: str) -> tuple[str, str] | None:
    found = objects.find("Secret", secret)
    return None if found is None else (text_of(found, "tls.crt"), text_of(found, "tls.key"))


def text_of(manifest: Manifest, key: str) -> str:
    """Return a value of a Secret or ConfigMap as text; raises KeyError."""
    plain = manifest.get("stringData" if manifest["kind"] == "Secret" else "data") or {}
    if key in plain:
        return str(plain[key])
    return base64.b64decode(manifest["data"][key]).decode()


# --- what the proxy is told ---------------------------------------------------------------------


def virtual_hosts(site: Site, *, secure: bool, forwarded: Forwarded) -> list[Config]:
    """Return Envoy's virtual hosts for the port that speaks TLS, or for the plain one."""
    hosts = []
    for host, paths in sorted(site.hosts.items()):
        redirected = not secure and (host in site.certificates or host in site.missing)
        routes: list[Config] = []
        for path in paths:
            if redirected:
                code = {"https_redirect": True, "response_code": "PERMANENT_REDIRECT"}
                routes.append({"match": _match(path), "redirect": code})
                continue
            unsent = {**_match(path), "headers": [_method(NOT_IDEMPOTENT)]}
            routes.append({"match": unsent, "route": _action(path, UNSENT)})
            routes.append({"match": _match(path), "route": _action(path, UNANSWERED)})
        hosts.append(
            {
                "name": host,
                "domains": [host] if host == "*" else [host, f"{host}:*"],
                "routes": routes,
                **_headers(forwarded),
            }
        )
    return hosts


def _match(path: Path) -> Config:
    if path.exact:
        return {"path": path.path}
    plain = path.path.rstrip("/")
    return {"path_separated_prefix": plain} if plain else {"prefix": "/"}


def _method(pattern: str) -> Config:
    return {"name": ":method", "string_match": {"safe_regex": {"regex": pattern}}}


def _action(path: Path, retry_on: str) -> Config:
    weighted = [{"name": backend.cluster, "weight": weight} for backend, weight in path.backends]
    where = (
        {"cluster": weighted[0]["name"]}
        if len(weighted) == 1
        else {"weighted_clusters": {"clusters": weighted}}
    )
    return {
        **where,
        "timeout": "0s",
        "idle_timeout": f"{path.read_timeout_s}s",
        "retry_policy": {
            "retry_on": retry_on,
            "num_retries": TRIES - 1,
            "retry_host_predicate": [
                {
                    "name": "envoy.retry_host_predicates.previous_hosts",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.retry.host"
                        ".previous_hosts.v3.PreviousHostsPredicate"
                    },
                }
            ],
            "host_selection_retry_max_attempts": 10,
            "retry_back_off": {"base_interval": "0.001s", "max_interval": "0.001s"},
        },
    }


def _headers(forwarded: Forwarded) -> Config:
    seen = "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%"
    if forwarded == "append":
        return {"request_headers_to_remove": ["x-envoy-external-address"]}
    told = {
        "x-real-ip": seen,
        "x-forwarded-for": seen,
        "x-forwarded-host": "%REQ(:AUTHORITY)%",
        "x-forwarded-port": "%DOWNSTREAM_LOCAL_PORT%",
        "x-forwarded-scheme": "%REQ(:SCHEME)%",
        "x-scheme": "%REQ(:SCHEME)%",
    }
    return {
        "request_headers_to_add": [_set("x-original-forwarded-for", "%REQ(X-FORWARDED-FOR)%")]
        + [_set(name, value) for name, value in told.items()],
        "request_headers_to_remove": ["proxy", "x-envoy-external-address"],
    }


def _set(name: str, value: str) -> Config:
    return {
        "header": {"key": name, "value": value},
        "append_action": "OVERWRITE_IF_EXISTS_OR_ADD",
    }
