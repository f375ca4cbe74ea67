"""The objects of one namespace, as an API server keeps them: by kind and name, counted, watched.

An object is its manifest (a dict as YAML gives it) with `metadata.uid`, `resourceVersion` and
`generation`. Who reads one must not write into it: `update` puts a changed copy. All on one loop.
"""

from __future__ import annotations

import asyncio
import copy
import hashlib
import json
import re
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

Manifest = dict[str, Any]
Key = tuple[str, str]

KEPT_EVENTS = 10_000
"""Changes that a watch may begin at; older ones are gone (HTTP 410 of the API server)."""

SUFFIXES = {
    "": Fraction(1), "m": Fraction(1, 1000), "k": Fraction(10**3), "M": Fraction(10**6),
    "G": Fraction(10**9), "T": Fraction(10**12), "Ki": Fraction(2**10), "Mi": Fraction(2**20),
    "Gi": Fraction(2**30), "Ti": Fraction(2**40),
}  # fmt: skip
"""Of a quantity: Kubernetes documentation, "Quantity"."""

MUTABLE = {
    "StatefulSet": {
        "replicas", "ordinals", "template", "updateStrategy", "revisionHistoryLimit",
        "persistentVolumeClaimRetentionPolicy", "minReadySeconds",
    },
    "Job": {"suspend", "parallelism", "activeDeadlineSeconds", "ttlSecondsAfterFinished"},
    "PersistentVolumeClaim": {"resources"},
}  # fmt: skip
"""Fields of a spec that an update may change; all others are refused (API server's validation)."""

FROZEN = {"Deployment": {"selector"}, "Service": {"clusterIP"}}
"""Fields of a spec that an update must leave, where most may change."""


class Refused(Exception):
    """The API server would not take this; says the object, the field and why."""


class Gone(Exception):
    """A watch began at a version that is no longer kept."""


@dataclass(frozen=True)
class Change:
    """One change: what (ADDED, MODIFIED, DELETED), the object as it then was, and its number."""

    what: str
    manifest: Manifest
    version: int


@dataclass
class Watch:
    """What has changed and was not yet read."""

    kinds: frozenset[str]
    queue: asyncio.Queue[Change] = field(default_factory=asyncio.Queue)


class Objects:
    """Every object, and who watches."""

    def __init__(self, namespace: str = "default") -> None:
        self.namespace = namespace
        self.version = 1
        self._objects: dict[Key, Manifest] = {}
        self._changes: list[Change] = []
        self._watches: list[Watch] = []
        self._listeners: list[Callable[[Change], None]] = []

    def get(self, kind: str, name: str) -> Manifest:
        """Return an object; raises KeyError."""
        return self._objects[kind, name]

    def find(self, kind: str, name: str) -> Manifest | None:
        """Return an object, or None."""
        return self._objects.get((kind, name))

    def all(self, kind: str, selector: Mapping[str, Any] | None = None) -> list[Manifest]:
        """Return the objects of a kind, by name, that a label selector takes (None takes all)."""
        found = [each for (its, _), each in sorted(self._objects.items()) if its == kind]
        return [each for each in found if selector is None or selects(selector, labels(each))]

    def apply(self, manifest: Manifest) -> Manifest:
        """Create, or replace by name. Raises Refused where a field must not change."""
        old = self.find(manifest["kind"], name_of(manifest))
        if old is None:
            return self.create(manifest)
        refuse_frozen(old, manifest)
        new = copy.deepcopy(manifest)
        new["metadata"] = {**new["metadata"], **_given_by_server(old)}
        if "status" in old:
            new["status"] = old["status"]
        _keep_given(old, new)
        if _plain(old) == _plain(new):
            return old
        if old.get("spec") != new.get("spec"):
            new["metadata"]["generation"] += 1
        return self._put("MODIFIED", new)

    def create(self, manifest: Manifest) -> Manifest:
        """Put a new object; raises Refused where its name is taken."""
        kind, name = manifest["kind"], name_of(manifest)
        if (kind, name) in self._objects:
            raise Refused(f"{kind} {name} already exists")
        new = copy.deepcopy(manifest)
        new["metadata"] |= {
            "namespace": self.namespace,
            "uid": str(uuid.uuid4()),
            "creationTimestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "generation": 1,
        }
        return self._put("ADDED", new)

    def update(self, kind: str, name: str, **parts: Any) -> Manifest:
        """Replace top-level parts (`spec=…`, `status=…`, `metadata=…`) of an object that exists."""
        old = self.get(kind, name)
        new = {**old, **copy.deepcopy(parts)}
        if new == old:
            return old
        new["metadata"] = dict(new["metadata"])
        if "spec" in parts and parts["spec"] != old.get("spec"):
            new["metadata"]["generation"] = new["metadata"].get("generation", 0) + 1
        return self._put("MODIFIED", new)

    def delete(self, kind: str, name: str) -> None:
        """Take an object away; nothing happens where there is none."""
        old = self._objects.pop((kind, name), None)
        if old is not None:
            self._tell("DELETED", copy.deepcopy(old))

    @contextmanager
    def watched(self, *kinds: str, since: int | None = None) -> Iterator[Watch]:
        """Watch kinds from version `since` (None: from now). Raises Gone where that is too old."""
        watch = Watch(frozenset(kinds))
        if since is not None:
            if self._changes and since < self._changes[0].version - 1:
                raise Gone(str(since))
            for change in self._changes:
                if change.version > since and change.manifest["kind"] in watch.kinds:
                    watch.queue.put_nowait(change)
        self._watches.append(watch)
        try:
            yield watch
        finally:
            self._watches.remove(watch)

    def listen(self, told: Callable[[Change], None]) -> None:
        """Call `told` at each change, at once."""
        self._listeners.append(told)

    def _put(self, what: str, manifest: Manifest) -> Manifest:
        self._objects[manifest["kind"], name_of(manifest)] = manifest
        self._tell(what, manifest)
        return manifest

    def _tell(self, what: str, manifest: Manifest) -> None:
        self.version += 1
        manifest["metadata"]["resourceVersion"] = str(self.version)
        change = Change(what, manifest, self.version)
        self._changes.append(change)
        del self._changes[:-KEPT_EVENTS]
        for watch in self._watches:
            if manifest["kind"] in watch.kinds:
                watch.queue.put_nowait(change)
        for told in self._listeners:
            told(change)


# --- of one object ------------------------------------------------------------------------------


def name_of(manifest: Mapping[str, Any]) -> str:
    """Return `metadata.name`."""
    return str(manifest["metadata"]["name"])


def labels(manifest: Mapping[str, Any]) -> dict[str, str]:
    """Return `metadata.labels`, empty where there are none."""
    return manifest["metadata"].get("labels") or {}


def selects(selector: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    """Say whether a LabelSelector (matchLabels, matchExpressions) takes these labels."""
    unknown = set(selector) - {"matchLabels", "matchExpressions"}
    if unknown:
        raise ValueError(f"a label selector has no {sorted(unknown)}")
    plain = selector.get("matchLabels") or {}
    wanted = selector.get("matchExpressions") or ()
    return plain.items() <= given.items() and all(_expression(each, given) for each in wanted)


def _expression(expression: Mapping[str, Any], given: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or ()
    match expression["operator"]:
        case "In":
            return given.get(key) in values
        case "NotIn":
            return given.get(key) not in values
        case "Exists":
            return key in given
        case "DoesNotExist":
            return key not in given
        case other:
            raise ValueError(f"a label selector has no operator {other}")


def quantity(given: object) -> Fraction:
    """Read a Kubernetes quantity (`250m`, `1Gi`, 2); raises ValueError."""
    found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)([A-Za-z]*)", str(given))
    if found is None or found[2] not in SUFFIXES:
        raise ValueError(f"{given!r} is no quantity")
    return Fraction(found[1]) * SUFFIXES[found[2]]


def scaled(value: int | str, whole: int, *, up: bool) -> int:
    """Read an int-or-percent of `whole`, rounded up or down."""
    if isinstance(value, int):
        return value
    share = Fraction(int(value.removesuffix("%")) * whole, 100)
    return -int(-share // 1) if up else int(share // 1)


def digest(value: object) -> str:
    """Return ten letters that differ where JSON values differ: the hash of a pod template."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:10]


def refuse_frozen(old: Manifest, new: Manifest) -> None:
    """Raise Refused where an update changes what the API server keeps."""
    kind, name = old["kind"], name_of(old)
    if old.get("immutable") and any(old.get(key) != new.get(key) for key in ("data", "immutable")):
        raise Refused(f"{kind} {name}: it is immutable")
    before, after = old.get("spec") or {}, new.get("spec") or {}
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)}
    if kind in MUTABLE:
        wrong = changed - MUTABLE[kind]
        if kind in {"Job", "PersistentVolumeClaim"}:
            wrong &= set(after)  # what the server filled in is not asked for again
    else:
        wrong = {key for key in changed & FROZEN.get(kind, set()) if key in after}
        if kind == "Service" and not before.get("clusterIP"):
            wrong.discard("clusterIP")
    if wrong:
        raise Refused(f"{kind} {name}: spec.{min(wrong)} cannot be changed")


def _given_by_server(old: Manifest) -> Manifest:
    kept = ("namespace", "uid", "creationTimestamp", "generation", "resourceVersion")
    return {key: old["metadata"][key] for key in kept}


def _keep_given(old: Manifest, new: Manifest) -> None:
    """Keep what the server has filled in and the new manifest does not name."""
    before, after = old.get("spec") or {}, new.get("spec") or {}
    if new["kind"] == "Service":
        for key in ("clusterIP",):
            if key in before:
                after.setdefault(key, before[key])
    if new["kind"] in {"Deployment", "StatefulSet"} and "replicas" in before:
        after.setdefault("replicas", before["replicas"])


def _plain(manifest: Manifest) -> Manifest:
    return {**manifest, "metadata": {**manifest["metadata"], "resourceVersion": ""}}
