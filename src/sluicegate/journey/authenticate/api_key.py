"""`api_key`: who calls, by a key that the caller shows.

The key is taken out of the request whatever comes of it, and is never written anywhere. The target
is told the consumer's name in `sluicegate-consumer`; a client cannot send that header itself.
"""

from __future__ import annotations

from collections.abc import Coroutine
from typing import TYPE_CHECKING, Annotated, Any

from msgspec import Meta

from sluicegate.journey.authenticate.key_check import KeyCheck
from sluicegate.journey.authenticate.keyring import Keyring
from sluicegate.policy import PolicyConfig

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange
    from sluicegate.policy import Onward, Parts

REALM = b'realm="sluicegate"'


class Config(PolicyConfig, frozen=True, kw_only=True):
    """Where a key may be. Two different keys in one request are refused."""

    header: Annotated[
        Annotated[str, Meta(pattern="^[A-Za-z0-9!#$%&'*+.^`|~-]+$")] | None,
        Meta(
            description="Name of a header that holds the key and nothing else; `null` for none.",
        ),
    ] = "x-api-key"
    bearer: Annotated[bool, Meta(description="Take `Authorization: Bearer <key>` as well.")] = True
    query: Annotated[
        Annotated[str, Meta(min_length=1)] | None,
        Meta(
            description="Name of a query parameter. Off unless named: URLs end up in logs.",
        ),
    ] = None
    optional: Annotated[
        bool, Meta(description="Let requests without a key through; a wrong key is still refused.")
    ] = False

    def __post_init__(self) -> None:
        """Refuse a policy that no request could satisfy."""
        if self.header is None and not self.bearer and self.query is None:
            raise ValueError("no place for a key is left: keep `header`, `bearer` or `query`")
        if self.header is not None and self.header.lower() == "authorization":
            raise ValueError("`header: authorization` is written `bearer: true`")


class Policy:
    """Finds the consumer of a key, or answers 401."""

    __slots__ = ("_check",)

    def __init__(self, config: Config, parts: Parts) -> None:
        """Prepare names and challenges (RFC 9110, section 11.6.1; RFC 6750, section 3)."""
        key = (b"www-authenticate", b"ApiKey " + REALM)
        bearer = (b"www-authenticate", b"Bearer " + REALM)
        invalid = (b"www-authenticate", b"Bearer " + REALM + b', error="invalid_token"')
        self._check = KeyCheck(
            parts.keyring or Keyring(None, parts.clock, parts.metrics),
            None if config.header is None else config.header.lower().encode(),
            None if config.query is None else config.query.encode(),
            (key, bearer) if config.bearer else (key,),
            (key, invalid) if config.bearer else (key,),
            bearer=config.bearer,
            optional=config.optional,
        )

    def handle(self, exchange: Exchange, onward: Onward) -> Coroutine[Any, Any, None]:
        """Take the key out of the request, look it up, and say who calls."""
        return self._check.handle(exchange, onward)
