"""The whole configuration: what `application.yml` may hold, and what a worker is sent of it."""

from __future__ import annotations

import hashlib
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from sluicegate.model import units
from sluicegate.model.consumer import Consumer
from sluicegate.model.model import Model
from sluicegate.model.plan import Plan
from sluicegate.model.provider import Provider
from sluicegate.model.route import PolicyUse, Route
from sluicegate.model.service import Service
from sluicegate.model.team import Team
from sluicegate.settings import Settings
from sluicegate.settings.store import SecretName  # noqa: TC001 - msgspec reads it

Kind = Literal[
    "service", "plan", "team", "consumer", "pepper", "provider", "model", "route", "policies"
]

# Names go into header fields, log lines and labels as they are, so nothing in them may need quotes.
Name = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}$(?!\n)",
        extra={"expected": "up to 128 letters, digits and `_.:@/+-`, a letter, digit or `_` first"},
    ),
]
ModelName = Annotated[
    str,
    Meta(
        pattern=r"^([A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}\*?|\*)$(?!\n)",
        extra={
            "expected": "up to 128 letters, digits and `_.:@/+-`, a letter, digit or `_` first, "
            "and `*` only at the end"
        },
    ),
]
Pepper = Annotated[str, Meta(min_length=32)]


def default_policies() -> list[PolicyUse]:
    """Return what holds for every route where no `policies` are written."""
    return [{"metrics": {}}, {"access_log": {}}]


class Document(Settings, frozen=True, kw_only=True):
    """`application.yml`: settings, and resources by name."""

    services: Annotated[dict[Name, Service], Meta(description="Upstreams by name.")] = {}
    plans: Annotated[
        dict[Name, Plan], Meta(description="Limits and rights that consumers share, by name.")
    ] = {}
    teams: Annotated[
        dict[Name, Team], Meta(description="Consumers that belong together, by name.")
    ] = {}
    consumers: Annotated[dict[Name, Consumer], Meta(description="Who calls, by name.")] = {}
    peppers: Annotated[
        dict[SecretName, Pepper],
        Meta(
            description="Secrets that keys are hashed under, by name; 32 bytes or more, "
            "by reference: `${env:…}`, `${file:…}`.",
        ),
    ] = {}
    providers: Annotated[
        dict[Name, Provider], Meta(description="Vendors of models, and how we reach them, by name.")
    ] = {}
    models: Annotated[
        dict[ModelName, Model],
        Meta(
            description="What clients of the AI endpoints ask for, by name; one that ends in `*` "
            "is every name that begins so. The longest wins."
        ),
    ] = {}
    routes: Annotated[
        dict[Name, Route], Meta(description="Matches and what happens then, by name.")
    ] = {}
    policies: Annotated[
        list[PolicyUse],
        Meta(description="Policies of every route, in the order of the stages. Replaces the list."),
    ] = msgspec.field(default_factory=default_policies)


AT_ONCE: Final = 256


class Resources(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a snapshot is compiled from, as it travels to a worker.

    `items` maps (kind, name) to msgpack: references are resolved and defaults filled in, so equal
    bytes are an unchanged resource. The name of the kind `policies` is empty, and it is there only
    where it was written: else `default_policies` hold. `revision` is 16 hex digits and says which
    content this is.
    """

    revision: str
    items: dict[tuple[Kind, str], bytes]

    @classmethod
    def of(cls, items: dict[tuple[Kind, str], bytes]) -> Resources:
        """Name the content by its hash."""
        digest = hashlib.sha256()
        # In pieces, none of which holds the interpreter for long: there may be thousands.
        names: dict[Kind, list[str]] = {}
        for kind, name in items:
            names.setdefault(kind, []).append(name)
        for kind in sorted(names):
            start = _sized(kind.encode())
            # The order of peppers says which one is for new keys.
            ordered = names[kind] if kind == "pepper" else sorted(names[kind])
            for at in range(0, len(ordered), AT_ONCE):
                some = ordered[at : at + AT_ONCE]
                digest.update(
                    b"".join([start + _sized(n.encode()) + _sized(items[kind, n]) for n in some])
                )
        return cls(revision=digest.hexdigest()[:16], items=items)


def _sized(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def peppers_of(resources: Resources) -> dict[str, str]:
    """Return the peppers by name, in their order: the first is for what is made from now on."""
    items = resources.items.items()
    return {name: decode("pepper", raw) for (kind, name), raw in items if kind == "pepper"}


def encode(value: object) -> bytes:
    """Write one resource, or the list of `policies`, as the value of an item."""
    return _ENCODER.encode(value)


def decode(kind: Kind, raw: bytes) -> Any:  # noqa: ANN401 - the kind decides
    """Read an item's value: one of the structs of the model, a pepper (str), or a list."""
    return _DECODERS[kind].decode(raw)


def _decoder(kind: Any) -> msgspec.msgpack.Decoder[Any]:  # noqa: ANN401 - any type
    return msgspec.msgpack.Decoder(kind, dec_hook=units.decode_hook)


_ENCODER: Final = msgspec.msgpack.Encoder(enc_hook=units.encode_hook)
_DECODERS: Final[dict[Kind, msgspec.msgpack.Decoder[Any]]] = {
    "service": _decoder(Service),
    "plan": _decoder(Plan),
    "team": _decoder(Team),
    "consumer": _decoder(Consumer),
    "pepper": _decoder(str),
    "provider": _decoder(Provider),
    "model": _decoder(Model),
    "route": _decoder(Route),
    "policies": _decoder(list[PolicyUse]),
}
