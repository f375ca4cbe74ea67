"""What a container gets of its pod and of ConfigMaps and Secrets as text: env, command, args.

Sources: Kubernetes' reference of EnvVar and "Define Dependent Environment Variables" (`$(NAME)`).
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final, Protocol

from rehearsal.fields import Unsupported

Manifest = dict[str, Any]
REFERENCE: Final = re.compile(r"\$\$|\$\(([-._a-zA-Z][-._a-zA-Z0-9]*)\)")
QUANTITY: Final = re.compile(r"([0-9.]+)(m|k|M|G|T|Ki|Mi|Gi|Ti|)")
UNITS: Final = {
    "m": Decimal("0.001"), "": Decimal(1),
    "k": Decimal(10**3), "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40),
}  # fmt: skip


class Missing(LookupError):
    """A ConfigMap, Secret or key that is not there (yet)."""


class Source(Protocol):
    """Where ConfigMaps and Secrets are found."""

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        """Return the object, or None."""


def data_of(source: Source, kind: str, namespace: str, name: str) -> dict[str, bytes]:
    """Return the data of a ConfigMap or Secret. Raises `Missing`."""
    found = source.find(kind, namespace, name)
    if found is None:
        raise Missing(f'{kind.lower()} "{name}" not found')
    coded = {**(found.get("binaryData") or {})}
    plain = {**(found.get("stringData") or {})}
    (coded if kind == "Secret" else plain).update(found.get("data") or {})
    if kind == "Secret":  # stringData overwrites data
        coded = {key: text for key, text in coded.items() if key not in plain}
    return {key: base64.b64decode(text) for key, text in coded.items()} | {
        key: text.encode() for key, text in plain.items()
    }


def environment(
    container: Manifest,
    namespace: str,
    source: Source,
    facts: Callable[[str], str],
) -> dict[str, str]:
    """Resolve `envFrom` and `env`. `facts` gives fieldRef paths. Raises `Missing`."""
    found: dict[str, str] = {}
    for each in container.get("envFrom") or ():
        for field, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
            if (reference := each.get(field)) is None:
                continue
            data = _optional(source, kind, namespace, reference)
            prefix = each.get("prefix", "")
            found |= {prefix + key: text.decode() for key, text in data.items()}
    for variable in container.get("env") or ():
        value = _value(variable, container, namespace, source, facts, found)
        if value is not None:
            found[variable["name"]] = value
    return found


def expanded(text: str, known: Mapping[str, str]) -> str:
    """Replace `$(NAME)` by what is known; an unknown one stays, and `$$` is a dollar."""

    def one(match: re.Match[str]) -> str:
        return "$" if match[0] == "$$" else known.get(match[1], match[0])

    return REFERENCE.sub(one, text)


def quantity(text: str | float) -> Decimal:
    """Read a Kubernetes quantity such as `250m`, `1Gi` or `2`."""
    match = QUANTITY.fullmatch(str(text))
    if match is None:
        raise Unsupported(f"quantity {text!r}")
    return Decimal(match[1]) * UNITS[match[2]]


def _value(
    variable: Manifest,
    container: Manifest,
    namespace: str,
    source: Source,
    facts: Callable[[str], str],
    known: Mapping[str, str],
) -> str | None:
    origin = variable.get("valueFrom")
    if not origin:
        return expanded(str(variable.get("value", "")), known)
    if reference := origin.get("fieldRef"):
        return facts(reference["fieldPath"])
    if reference := origin.get("resourceFieldRef"):
        return _resource(container, reference)
    kind = "Secret" if "secretKeyRef" in origin else "ConfigMap"
    reference = origin.get("secretKeyRef") or origin["configMapKeyRef"]
    data = _optional(source, kind, namespace, reference)
    if reference["key"] in data:
        return data[reference["key"]].decode()
    if reference.get("optional"):
        return None
    raise Missing(f"couldn't find key {reference['key']} in {kind} {namespace}/{reference['name']}")


def _optional(source: Source, kind: str, namespace: str, reference: Manifest) -> dict[str, bytes]:
    try:
        return data_of(source, kind, namespace, reference["name"])
    except Missing:
        if reference.get("optional"):
            return {}
        raise


def _resource(container: Manifest, reference: Manifest) -> str:
    """Return a request or limit in units of the divisor, rounded up."""
    if reference.get("containerName", container["name"]) != container["name"]:
        raise Unsupported("resourceFieldRef of another container")
    kind, _, name = reference["resource"].partition(".")
    amounts = container.get("resources", {}).get(kind, {})
    if name not in amounts:
        raise Unsupported(f"resourceFieldRef {reference['resource']}: the container has none")
    divisor = quantity(reference.get("divisor", "1"))
    return str(math.ceil(quantity(amounts[name]) / (divisor or 1)))
