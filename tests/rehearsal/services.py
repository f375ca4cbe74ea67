"""Services and their endpoints: which pods answer for a Service, and who is told when.

`endpoints` is pure. `Services` keeps the Endpoints and EndpointSlice objects, and after a delay, as
kube-proxy and an ingress controller hear of them, the proxy and the names in every hosts file.
Source: Kubernetes documentation, "Service", "EndpointSlices", "DNS for Services and Pods".
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rehearsal.network import Network
from rehearsal.objects import Manifest, Objects, labels, name_of
from rehearsal.proxy import Proxy

DELAY_S = 0.5
"""How long after a change of endpoints they are acted on; nodes hear of them in about a second."""

HEADLESS = "None"


@dataclass(frozen=True)
class Endpoint:
    """A pod behind a Service; `ports` maps the Service's port to the pod's."""

    address: str
    pod: str
    uid: str
    node: str
    ports: tuple[tuple[int, int], ...]
    ready: bool
    serving: bool
    ending: bool
    hostname: str = ""


def endpoints(service: Manifest, pods: Sequence[Manifest]) -> list[Endpoint]:
    """Return the pods that a Service's selector takes, ready or not, by name."""
    selector = service["spec"].get("selector") or {}
    unready_too = bool(service["spec"].get("publishNotReadyAddresses"))
    found = []
    for pod in pods:
        status = pod.get("status") or {}
        if not selector or not selector.items() <= labels(pod).items():
            continue
        if not status.get("podIP") or status["phase"] in {"Succeeded", "Failed"}:
            continue
        ending = "deletionTimestamp" in pod["metadata"]
        serving = is_ready(pod)
        found.append(
            Endpoint(
                address=status["podIP"],
                pod=name_of(pod),
                uid=pod["metadata"].get("uid", ""),
                node=pod["spec"].get("nodeName", ""),
                ports=_ports(service, pod),
                ready=unready_too or (serving and not ending),
                serving=serving,
                ending=ending,
                hostname=_hostname(service, pod),
            )
        )
    return sorted(found, key=lambda each: each.pod)


def is_ready(pod: Manifest) -> bool:
    """Say whether a pod's condition Ready is True."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)


def _hostname(service: Manifest, pod: Manifest) -> str:
    spec = pod["spec"]
    return spec.get("hostname", "") if spec.get("subdomain") == name_of(service) else ""


def _ports(service: Manifest, pod: Manifest) -> tuple[tuple[int, int], ...]:
    named = {
        port["name"]: port["containerPort"]
        for container in pod["spec"]["containers"]
        for port in container.get("ports") or ()
        if "name" in port
    }
    found = []
    for port in service["spec"].get("ports") or ():
        target = port.get("targetPort", port["port"])
        if isinstance(target, int) or target in named:
            found.append((port["port"], target if isinstance(target, int) else named[target]))
    return tuple(found)


# --- as objects ---------------------------------------------------------------------------------


def as_endpoints(service: Manifest, found: Sequence[Endpoint]) -> Manifest:
    """Return the v1 Endpoints object: ready addresses, others, ports."""
    subset = {
        "addresses": [_address(each) for each in found if each.ready],
        "notReadyAddresses": [
            _address(each) for each in found if not each.ready and not each.ending
        ],
        "ports": _object_ports(service, found),
    }
    filled = subset["addresses"] or subset["notReadyAddresses"]
    return {
        "apiVersion": "v1",
        "kind": "Endpoints",
        "metadata": {"name": name_of(service), "labels": dict(labels(service))},
        "subsets": [{key: value for key, value in subset.items() if value}] if filled else [],
    }


def as_slice(service: Manifest, found: Sequence[Endpoint]) -> Manifest:
    """Return the discovery.k8s.io/v1 EndpointSlice object."""
    name = name_of(service)
    return {
        "apiVersion": "discovery.k8s.io/v1",
        "kind": "EndpointSlice",
        "metadata": {
            "name": f"{name}-1",
            "labels": {**labels(service), "kubernetes.io/service-name": name},
        },
        "addressType": "IPv4",
        "endpoints": [
            {
                "addresses": [each.address],
                "conditions": {
                    "ready": each.ready,
                    "serving": each.serving,
                    "terminating": each.ending,
                },
                "nodeName": each.node,
                "targetRef": _pod_reference(each),
            }
            for each in found
        ],
        "ports": _object_ports(service, found),
    }


def _address(each: Endpoint) -> Manifest:
    address = {"ip": each.address, "nodeName": each.node, "targetRef": _pod_reference(each)}
    return {**address, "hostname": each.hostname} if each.hostname else address


def _pod_reference(each: Endpoint) -> Manifest:
    return {"kind": "Pod", "name": each.pod, "uid": each.uid, "namespace": "default"}


def _object_ports(service: Manifest, found: Sequence[Endpoint]) -> list[Manifest]:
    targets = dict(found[0].ports) if found else {}
    return [
        {
            "name": port.get("name", ""),
            "port": targets[port["port"]],
            "protocol": port.get("protocol", "TCP"),
        }
        for port in service["spec"].get("ports") or ()
        if port["port"] in targets
    ]


# --- the controller -----------------------------------------------------------------------------


class Services:
    """Keeps endpoints of every Service, and tells the proxy and the names of them later."""

    def __init__(
        self, objects: Objects, network: Network, proxy: Proxy, delay_s: float = DELAY_S
    ) -> None:
        self.delay_s = delay_s
        self._objects = objects
        self._network = network
        self._proxy = proxy
        self._known: dict[str, list[Endpoint]] = {}
        self._names: dict[str, set[str]] = {}
        self._later: set[asyncio.TimerHandle] = set()

    async def admit(self, service: Manifest) -> Manifest:
        """Return a Service as the API server stores it: with an address, unless it is headless."""
        spec = dict(service["spec"])
        kind = spec.setdefault("type", "ClusterIP")
        if kind == "ExternalName":
            raise ValueError(f"{name_of(service)}: Services of type ExternalName are not served")
        old = self._objects.find("Service", name_of(service))
        if "clusterIP" not in spec:
            spec["clusterIP"] = (
                old["spec"]["clusterIP"] if old is not None else await self._proxy.new_address()
            )
        admitted = {**service, "spec": spec}
        if kind == "LoadBalancer":
            admitted["status"] = {"loadBalancer": {"ingress": [{"ip": spec["clusterIP"]}]}}
        return admitted

    def reconcile(self) -> None:
        """Write endpoints that have changed; each is told `delay_s` later."""
        pods = self._objects.all("Pod")
        present = {name_of(service): service for service in self._objects.all("Service")}
        for name, service in present.items():
            found = endpoints(service, pods)
            if found == self._known.get(name):
                continue
            self._known[name] = found
            self._write(service, found)
            self._soon(name)
        for name in set(self._known) - set(present):
            del self._known[name]
            self._objects.delete("Endpoints", name)
            self._objects.delete("EndpointSlice", f"{name}-1")
            self._soon(name)

    def ready(self, name: str) -> list[Endpoint]:
        """Return the ready endpoints of a Service as they are now, told or not."""
        return [each for each in self._known.get(name, ()) if each.ready]

    @property
    def telling(self) -> bool:
        """Whether there is something of which others have not been told yet."""
        return bool(self._later)

    def tell(self, name: str) -> None:
        """Tell of a Service as it is now, without the delay."""
        self._tell(name, self._known.get(name, ()))

    def close(self) -> None:
        """Tell nobody any more."""
        for handle in self._later:
            handle.cancel()

    def _write(self, service: Manifest, found: Sequence[Endpoint]) -> None:
        for manifest in (as_endpoints(service, found), as_slice(service, found)):
            for reference in _references(manifest):
                reference["namespace"] = self._objects.namespace
            if self._objects.find(manifest["kind"], name_of(manifest)) is None:
                self._objects.create(manifest)
            else:
                parts = {key: manifest[key] for key in ("subsets", "endpoints", "ports")
                         if key in manifest}  # fmt: skip
                self._objects.update(manifest["kind"], name_of(manifest), **parts)

    def _soon(self, name: str) -> None:
        found = list(self._known.get(name, ()))
        loop = asyncio.get_running_loop()

        def tell() -> None:
            self._later.discard(handle)
            self._tell(name, found)

        handle = loop.call_later(self.delay_s, tell)
        self._later.add(handle)

    def _tell(self, name: str, found: Sequence[Endpoint]) -> None:
        ready = [each for each in found if each.ready]
        service = self._objects.find("Service", name)
        ports: Sequence[Mapping[str, Any]] = () if service is None else service["spec"]["ports"]
        for port in ports:
            pairs = [(each.address, dict(each.ports).get(port["port"])) for each in ready]
            told = [(address, at) for address, at in pairs if at is not None]
            self._proxy.set_endpoints(name, port["port"], told)
        names: dict[str, list[str]] = {}
        if service is not None:
            headless = service["spec"]["clusterIP"] == HEADLESS
            own = [each.address for each in ready] if headless else [service["spec"]["clusterIP"]]
            names = {name: own}
            names |= {f"{each.hostname}.{name}": [each.address] for each in ready if each.hostname}
        self._publish(name, names)

    def _publish(self, service: str, names: Mapping[str, Sequence[str]]) -> None:
        """Publish names as a pod may write them here; forget what was and is no more."""
        space = self._objects.namespace
        every = {
            short + tail: list(addresses)
            for short, addresses in names.items()
            for tail in ("", f".{space}", f".{space}.svc", f".{space}.svc.cluster.local")
            if addresses
        }
        for gone in self._names.get(service, set()) - set(every):
            self._network.publish(gone, [])
        for name, addresses in every.items():
            self._network.publish(name, addresses)
        self._names[service] = set(every)


def _references(manifest: Manifest) -> list[Manifest]:
    addresses = [
        address
        for subset in manifest.get("subsets") or ()
        for key in ("addresses", "notReadyAddresses")
        for address in subset.get(key) or ()
    ]
    return [each["targetRef"] for each in (*addresses, *(manifest.get("endpoints") or ()))]
