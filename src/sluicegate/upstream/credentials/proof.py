"""Header fields that show a provider who we are: a key, a signature of AWS, a token of Google."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from sluicegate.errors import CredentialsAway
from sluicegate.llm.sigv4 import AwsSecret, Signer
from sluicegate.upstream.credentials.aws import chain
from sluicegate.upstream.credentials.google import tokens
from sluicegate.upstream.credentials.renewed import Renewed

if TYPE_CHECKING:
    from sluicegate.clock import Clock
    from sluicegate.llm.provider import Provider
    from sluicegate.metrics import Metrics
    from sluicegate.model.provider import Provider as ProviderConfig

Field = tuple[bytes, bytes]
AUTHORIZATION: Final = b"authorization"
SIGNING_NAME: Final = "bedrock"


class Proof(Protocol):
    """How a provider is shown who we are."""

    @property
    def fixed(self) -> bool:
        """Whether `fields` are the same for every request."""

    @property
    def ready(self) -> bool:
        """Whether there are credentials now."""

    async def refresh(self) -> None:
        """Wait for some. Raises CredentialsAway."""

    def fields(
        self, key_header: bytes, method: str, path: str, query: str, host: str, body: bytes
    ) -> list[Field]:
        """Return what to add to a head; `key_header` is a place's own one, or b"".

        Raises CredentialsAway where there are none now.
        """

    def secrets(self) -> list[bytes]:
        """Return all that must never be seen again."""

    def close(self) -> None:
        """Ask for no more credentials."""


class KeyProof:
    """A key, or nothing at all."""

    __slots__ = ("_header", "_key")

    fixed = True
    ready = True

    def __init__(self, key: str | None, header: bytes) -> None:
        """`header` is that of the key; a bearer token in `authorization`."""
        self._key = (key or "").strip().encode()
        self._header = header

    async def refresh(self) -> None:
        """There is nothing to wait for."""

    def fields(
        self,
        key_header: bytes,
        method: str,  # noqa: ARG002 - of a contract
        path: str,  # noqa: ARG002
        query: str,  # noqa: ARG002
        host: str,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> list[Field]:
        """Return the key."""
        if not self._key:
            return []
        header = key_header or self._header
        return [(header, b"Bearer " + self._key if header == AUTHORIZATION else self._key)]

    def secrets(self) -> list[bytes]:
        """Return the key."""
        return [self._key] if self._key else []

    def close(self) -> None:
        """Nothing is open."""


class AwsProof:
    """Signatures, by keys that are configured or those of the usual chain."""

    __slots__ = ("_clock", "_signer", "_static", "_temporary")

    fixed = False

    def __init__(
        self, region: str, static: AwsSecret | None, temporary: Renewed[AwsSecret], clock: Clock
    ) -> None:
        """`temporary` is asked where there is no `static`."""
        self._signer = Signer(SIGNING_NAME, region)
        self._static = static
        self._temporary = temporary
        self._clock = clock

    @property
    def ready(self) -> bool:
        """Whether there are credentials now."""
        return self._static is not None or self._temporary.current is not None

    async def refresh(self) -> None:
        """Wait for some. Raises CredentialsAway."""
        if self._static is None:
            await self._temporary.refresh()

    def fields(
        self,
        key_header: bytes,  # noqa: ARG002 - of a contract
        method: str,
        path: str,
        query: str,
        host: str,
        body: bytes,
    ) -> list[Field]:
        """Sign; the host and the time are signed with it."""
        secret = self._static or self._temporary.current
        if secret is None:
            raise CredentialsAway("of AWS")
        now_us = self._clock.wall_us()
        return self._signer.sign(secret, now_us, method, path, query, [("host", host)], body)

    def secrets(self) -> list[bytes]:
        """Return the secret key, and the token of temporary ones."""
        secret = self._static or self._temporary.current
        if secret is None:
            return []
        return [each.encode() for each in (secret.secret, secret.token) if each]

    def close(self) -> None:
        """Ask the chain no more."""
        self._temporary.close()


class GoogleProof:
    """An OAuth token."""

    __slots__ = ("_token",)

    fixed = False

    def __init__(self, token: Renewed[str]) -> None:
        """Ask for one when it is needed."""
        self._token = token

    @property
    def ready(self) -> bool:
        """Whether there is one now."""
        return self._token.current is not None

    async def refresh(self) -> None:
        """Wait for one. Raises CredentialsAway."""
        await self._token.refresh()

    def fields(
        self,
        key_header: bytes,  # noqa: ARG002 - of a contract
        method: str,  # noqa: ARG002
        path: str,  # noqa: ARG002
        query: str,  # noqa: ARG002
        host: str,  # noqa: ARG002
        body: bytes,  # noqa: ARG002
    ) -> list[Field]:
        """Return the token."""
        token = self._token.current
        if token is None:
            raise CredentialsAway("of Google")
        return [(AUTHORIZATION, b"Bearer " + token.encode())]

    def secrets(self) -> list[bytes]:
        """Return the token."""
        token = self._token.current
        return [token.encode()] if token else []

    def close(self) -> None:
        """Ask for no more."""
        self._token.close()


def proof_of(
    name: str, config: ProviderConfig, facts: Provider, clock: Clock, metrics: Metrics
) -> Proof:
    """Return how a provider of this configuration is shown who we are. Asks nobody yet."""
    if facts.auth == "google" and config.key is None:
        return GoogleProof(Renewed(name, tokens(config.credentials), clock, metrics))
    if facts.auth == "aws" and config.key is None:
        static = None
        if config.aws is not None:
            keys = config.aws
            static = AwsSecret(keys.access_key_id, keys.secret_access_key, keys.session_token or "")
        temporary = Renewed(name, chain(), clock, metrics)
        return AwsProof(config.region or "", static, temporary, clock)
    header = facts.key_header if facts.auth == "header" else AUTHORIZATION
    return KeyProof(config.key, header)
