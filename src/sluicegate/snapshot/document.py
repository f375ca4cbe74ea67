"""The whole configuration: what `application.yml` may hold, and what a worker is sent of it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from sluicegate.model import units
from sluicegate.model.consumer import Consumer
from sluicegate.model.plan import Plan
from sluicegate.model.route import PolicyUse, Route
from sluicegate.model.service import Service
from sluicegate.settings import Settings

Kind = Literal["service", "plan", "consumer", "pepper", "route", "policies"]

# Names go into header fields, log lines and labels as they are, so nothing in them may need quotes.
Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}$(?!\n)",
        extra={"expected": "up to 128 letters, digits and `_.:@/+-`, a letter or digit first"},
    ),
]
PepperName = Annotated[
    str,
    Meta(
        pattern=r"^[a-z0-9_-]{1,32}$(?!\n)",
        extra={"expected": "up to 32 of `a-z`, `0-9`, `_` and `-`"},
    ),
]
Pepper = Annotated[str, Meta(min_length=32)]


def _default_policies() -> list[PolicyUse]:
    return [{"metrics": {}}, {"access_log": {}}]


class Document(Settings, frozen=True, kw_only=True):
    """`application.yml`: settings, and resources by name."""

    services: Annotated[dict[Name, Service], Meta(description="Upstreams by name.")] = {}
    plans: Annotated[
        dict[Name, Plan], Meta(description="Limits and rights that consumers share, by name.")
    ] = {}
    consumers: Annotated[dict[Name, Consumer], Meta(description="Who calls, by name.")] = {}
    peppers: Annotated[
        dict[PepperName, Pepper],
        Meta(
            description="Secrets that keys are hashed under, by name; 32 bytes or more, "
            "by reference: `${env:…}`, `${file:…}`.",
        ),
    ] = {}
    routes: Annotated[
        dict[Name, Route], Meta(description="Matches and what happens then, by name.")
    ] = {}
    policies: Annotated[
        list[PolicyUse],
        Meta(description="Policies of every route, in the order of the stages. Replaces the list."),
    ] = msgspec.field(default_factory=_default_policies)


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a snapshot is compiled from, as it travels to a worker.

    `items` maps (kind, name) to msgpack: references are resolved and defaults filled in, so equal
    bytes are an unchanged resource. The name of the kind `policies` is empty. `revision` is 16 hex
    digits and says which content this is.
    """

    revision: str
    items: dict[tuple[Kind, str], bytes]

    @classmethod
    def of(cls, items: dict[tuple[Kind, str], bytes]) -> Resources:
        """Name the content by its hash."""
        digest = hashlib.sha256()
        for kind, name in sorted(items):
            for part in (kind.encode(), name.encode(), items[kind, name]):
                digest.update(len(part).to_bytes(4, "big") + part)
        return cls(revision=digest.hexdigest()[:16], items=items)


def encode(value: object) -> bytes:
    """Write one resource, or the list of `policies`, as the value of an item."""
    return _ENCODER.encode(value)


def decode(kind: Kind, raw: bytes) -> Any:  # noqa: ANN401 - the kind decides
    """Read an item's value: a Service, Plan, Consumer or Route, a pepper (str), or a list."""
    return _DECODERS[kind].decode(raw)


def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:  # noqa: ANN401 - any type
    return msgspec.msgpack.Decoder(kind, dec_hook=units.decode_hook)


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=units.encode_hook)
_DECODERS: Final[dict[Kind, msgspec.msgpack.Decoder[Any]]] = {
    "service": _decoder(Service),
    "plan": _decoder(Plan),
    "consumer": _decoder(Consumer),
    "pepper": _decoder(str),
    "route": _decoder(Route),
    "policies": _decoder(list[PolicyUse]),
}
