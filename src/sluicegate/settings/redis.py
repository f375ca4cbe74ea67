"""How servers of Redis or Valkey are written, wherever a setting names some."""

from __future__ import annotations

from typing import Annotated, Any, Final

from msgspec import Meta

from sluicegate.settings.store import Secret

URL_PATTERN: Final = r"^(memory://|unix://|rediss?(\+sentinel|\+cluster)?://)[^?#\s@]*$(?!\n)"
URL_EXPECTED: Final[dict[str, Any]] = {
    "expected": "`memory://`, `unix:///path`, `redis://host:port/0`, "
    "`redis+sentinel://host:port,host:port/primary-name` or "
    "`redis+cluster://host:port,host:port` (`rediss` for TLS); "
    "`username` and `password` are settings of their own"
}
User = Annotated[Secret | None, Meta(description="ACL user; without it, `default`.")]
SentinelUser = Annotated[Secret | None, Meta(description="ACL user at the Sentinels.")]
Password = Annotated[Secret | None, Meta(description="Its password, by reference.")]
Namespace = Annotated[
    str,
    Meta(
        pattern=r"^[A-Za-z0-9_.-]{1,32}$(?!\n)",
        description="First part of every key, for servers that keep other things too.",
        extra={"expected": "1 to 32 of letters, digits and `_.-`"},
    ),
]
