"""A provider at run time: connections to it, and heads of requests that it takes for ours.

What never changes of a head is written once: per dialect, and per model where the path names it.
"""

from __future__ import annotations

import hmac
from base64 import urlsafe_b64encode
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from msgspec.structs import replace

from sluicegate.llm.failure import CallError, Failure, invalid
from sluicegate.llm.providers import find
from sluicegate.model.service import Timeouts
from sluicegate.model.units import Duration
from sluicegate.upstream.credentials.proof import Proof, proof_of
from sluicegate.upstream.pool import Pool
from sluicegate.wire.http1.lines import fields

if TYPE_CHECKING:
    from sluicegate.llm.provider import Place, Provider
    from sluicegate.metrics import Metrics
    from sluicegate.model.provider import Provider as ProviderConfig
    from sluicegate.upstream.service import Surroundings

Field = tuple[bytes, bytes]

COUNTING: Final = ("anthropic_count_tokens", "gemini_count_tokens")
APART: Final = (*COUNTING, "openai_completions", "openai_embeddings")
"""Dialects that are not chat: a call in one of them is not answered in a chat dialect."""
MOST_LINES: Final = 1024
"""Heads that are kept; with `*` in a model's name clients can ask for any number."""
IN_PATH: Final = "@"
"""What is not escaped in the name of a model, beside letters, digits and `-._~`: as the SDKs do."""
DOTS: Final = frozenset({".", ".."})
"""Segments that lead elsewhere."""
KEYS: Final = frozenset({"key", "access_token"})
REDACTED: Final = b"[redacted]"
SHORTEST_SECRET: Final = 6
"""Shorter ones are no keys, and would be found in any text."""

NEVER_PASSED: Final = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"te", b"trailer", b"transfer-encoding",
        b"upgrade", b"proxy-authorization", b"expect",  # RFC 9110, section 7.6.1; RFC 9112
        b"host", b"content-length", b"accept-encoding", b"via", b"forwarded",  # ours to say
        b"authorization", b"cookie", b"x-api-key", b"api-key", b"x-goog-api-key",  # for us alone
        b"x-goog-user-project", b"openai-organization", b"openai-project",  # the operator's
        b"traceparent", b"tracestate", b"x-request-id",
    }
)  # fmt: skip
"""Headers of a client that never go on to a provider."""
NEVER_PASSED_PREFIXES: Final = (b"x-forwarded-", b"sluicegate-", b"x-amz-")


class ProviderLink:
    """A provider, as one worker calls it."""

    __slots__ = (
        "_base_path",
        "_by_model",
        "_fixed",
        "_fixed_lines",
        "_host",
        "_lines",
        "_named",
        "_places",
        "_proof",
        "_secrets",
        "config",
        "dialects",
        "facts",
        "name",
        "pool",
        "timeouts",
        "unwatched",
    )

    def __init__(
        self, name: str, config: ProviderConfig, shared: Surroundings, metrics: Metrics
    ) -> None:
        """Prepare a pool; nothing connects before the first call. Raises ConfigError (TLS)."""
        self.name = name
        self.config = config
        facts: Provider = find(config.kind)
        self.facts = facts
        self._places: dict[str, Place] = dict(facts.spoken(config))
        self.dialects: tuple[str, ...] = tuple(self._places)
        url = urlsplit(facts.base(config))
        self._base_path = url.path
        self._host = url.netloc
        self._by_model = frozenset(
            name for name, place in self._places.items() if "{model}" in place.path
        )
        self.timeouts = Timeouts(
            connect=config.timeouts.connect,
            first_byte=config.timeouts.first_token,
            idle=config.timeouts.stall,
            total=Duration(0),
        )
        none = Duration(0)
        self.unwatched = replace(self.timeouts, first_byte=none, idle=none)
        """For streams, whose silence is not that of their connection."""
        open_count = metrics.family(
            "sluicegate_provider_connections", "gauge", "Open connections to a provider.",
            ("provider",),
        )  # fmt: skip
        self.pool = Pool.to(
            facts.base(config),
            config.tls,
            config.pool,
            shared.contexts,
            shared.resolver,
            shared.deadlines,
            open_count.cell(name),
        )
        self._proof: Proof = proof_of(name, config, facts, shared.clock, metrics)
        own = [(key.lower().encode(), value.encode()) for key, value in config.headers.items()]
        self._named = frozenset([key for key, _ in own])
        vendors = [field for field in facts.headers if field[0] not in self._named]
        self._fixed: list[Field] = [*own, *vendors]
        self._fixed_lines = fields(self._fixed)
        self._lines: dict[str, _Line] = {}
        values = [value for _, value in own]
        self._secrets = [value for value in values if len(value) >= SHORTEST_SECRET]

    # --- what is spoken ---

    def speaks(self, dialect: str) -> bool:
        """Whether a call in this dialect can be passed on as it is, to some model."""
        return dialect in self._places

    def dialect_for(self, model: str, caller: str, own: str | None) -> str:
        """Return what to speak with a model: `own` of a deployment, the caller's, or the preferred.

        Raises CallError where there is none of the caller's sort.
        """
        of_model = self.facts.dialects_of(model)
        if own is None and of_model is None and caller in self._places:
            return caller  # the usual case
        spoken = [each for each in self.dialects if of_model is None or each in of_model]
        if caller in APART:
            sort = COUNTING if caller in COUNTING else (caller,)
            spoken = [each for each in spoken if each in sort]
        else:
            if own is not None and own in self._places:
                return own
            spoken = [each for each in spoken if each not in APART]
        if caller in spoken:
            return caller
        if spoken:
            preferred = self.facts.dialect_for(model)
            # What the operator lists comes in the operator's order.
            keep = self.config.dialects is None and preferred in spoken
            return preferred if keep else spoken[0]
        message = f"`model`: its provider does not speak {caller}, nor what it translates to"
        raise CallError(
            Failure(kind="unsupported", status=400, message=message, field="model", ours=True)
        )

    # --- who we are ---

    @property
    def ready(self) -> bool:
        """Whether `head` can be asked for now; else `refresh` first."""
        return self._proof.ready

    async def refresh(self) -> None:
        """Wait until credentials are there. Raises CredentialsAway."""
        await self._proof.refresh()

    def mac(self, data: bytes) -> str:
        """Return a proof that we have said something, base64url: HMAC-SHA-256 under our key.

        Every replica gives the same, as long as the key stays. Without one it proves nothing.
        """
        key = self._own_key()
        return urlsafe_b64encode(hmac.digest(key.encode(), data, "sha256")).decode()

    @property
    def binds(self) -> bool:
        """Whether `mac` proves anything: whether there is a key."""
        return bool(self._own_key())

    def _own_key(self) -> str:
        config = self.config
        aws = config.aws
        key = config.key or (aws.secret_access_key if aws is not None else config.credentials)
        if not key:  # it may stand among the headers
            key = "\n".join(value for _, value in sorted(config.headers.items()))
        return key

    def redact(self, data: bytes) -> bytes:
        """Return bytes without our key or anything else that we have shown the provider."""
        for secret in (*self._secrets, *self._proof.secrets()):
            if len(secret) >= SHORTEST_SECRET and secret in data:
                data = data.replace(secret, REDACTED)
        return data

    # --- heads ---

    def path(self, dialect: str, model: str = "", *, stream: bool = False) -> str:
        """Return where a dialect is spoken, behind the URL: as `native_head` takes it.

        Raises CallError for a model whose name no path can hold.
        """
        place = self._places[dialect]
        template = place.stream_path if stream and place.stream_path else place.path
        if "{" not in template:
            return template
        if "{model}" in template and (not model or unquote(model) in DOTS):
            raise invalid("model", f"found `{model}`; expected the name of a model")
        config = self.config
        return template.format(
            model=quote(model, safe=IN_PATH),
            region=quote(config.region or "", safe=""),
            project=quote(config.project or "", safe=":"),
            api_version=quote(config.api_version or "", safe=""),
        )

    def head(
        self,
        dialect: str,
        model: str,
        *,
        stream: bool,
        body: bytes,
        headers: Sequence[Field] = (),
    ) -> bytes:
        """Write the whole head of a call, for a body that is sent with it.

        `headers` are those of the dialect, and of the caller where they go on; the operator's win
        over them, they over the vendor's. Raises CredentialsAway where there are none (see
        `ready`), CallError for a model whose name no path can hold.
        """
        kept = f"{stream:d} {dialect} {model if dialect in self._by_model else ''}"
        line = self._lines.get(kept)
        if line is None:
            line = self._line(dialect, model, stream=stream)
            if len(self._lines) >= MOST_LINES:
                self._lines.clear()
            self._lines[kept] = line
        parts = [line.start, self._with(headers) if headers else self._fixed_lines]
        if not self._proof.fixed:
            shown = self._proof.fields(b"", "POST", line.path, line.query, self._host, body)
            parts.append(fields(shown))
        parts.append(b"content-length: %d\r\n\r\n" % len(body))
        return b"".join(parts)

    def native_head(
        self,
        method: str,
        path: str,
        query: bytes | None,
        body: bytes | None,
        headers: Sequence[Field],
    ) -> bytes:
        """Write the whole head of a request that passes as the client made it, but for who we are.

        `path` is behind the provider's URL, escaped as it was sent. What a client shows to the
        gateway, and what is only for its next hop, does not go on. Raises CredentialsAway, and
        CallError for a path that leaves the URL's own.
        """
        if not path.startswith("/") or not DOTS.isdisjoint(unquote(path).split("/")):
            raise invalid("", "the path is none that can be passed on")
        whole_path = self._base_path + self.facts.proxied + path
        said = _without_keys(query or b"")
        passed = _passed_on(headers)
        shown = self._proof.fields(
            self._key_header(path), method, whole_path, said, self._host, body or b""
        )
        target = f"{whole_path}?{said}" if said else whole_path
        parts = [
            f"{method} {target} HTTP/1.1\r\nhost: {self._host}\r\n".encode(),
            b"accept-encoding: identity\r\n",
            self._with(passed),
            fields(shown),
        ]
        if body is not None or method in ("POST", "PUT", "PATCH"):
            parts.append(b"content-length: %d\r\n" % len(body or b""))
        parts.append(b"\r\n")
        return b"".join(parts)

    def close(self) -> None:
        """Let the connections go; calls in flight finish on theirs."""
        self.pool.close()
        self._proof.close()

    # --- steps ---

    def _line(self, dialect: str, model: str, *, stream: bool) -> _Line:
        place = self._places[dialect]
        path = self._base_path + self.path(dialect, model, stream=stream)
        query = place.stream_query if stream else place.query
        query = query.replace("{api_version}", self.config.api_version or "")
        target = f"{path}?{query}" if query else path
        start = (
            f"POST {target} HTTP/1.1\r\nhost: {self._host}\r\naccept: application/json\r\n"
            "accept-encoding: identity\r\ncontent-type: application/json\r\n"
        ).encode()
        if self._proof.fixed:
            start += fields(self._proof.fields(place.key_header, "POST", path, query, "", b""))
        return _Line(start, path, query)

    def _with(self, headers: Sequence[Field]) -> bytes:
        """Write headers beside those that are always sent: the operator's win, ours give way."""
        given = [field for field in headers if field[0] not in self._named]
        names = {name for name, _ in given}
        return fields([*given, *[field for field in self._fixed if field[0] not in names]])

    def _key_header(self, path: str) -> bytes:
        """Return where the key stands beneath the folder of a place that has it elsewhere."""
        for place in self._places.values():
            if place.key_header and path.startswith(place.path.rpartition("/")[0] + "/"):
                return place.key_header
        return b""


class _Line:
    """The start of a head, and what of it is signed."""

    __slots__ = ("path", "query", "start")

    def __init__(self, start: bytes, path: str, query: str) -> None:
        self.start = start
        self.path = path
        self.query = query


def _passed_on(headers: Sequence[Field]) -> list[Field]:
    """Return the headers of a client that a provider may see."""
    hops = {
        name.strip().lower()
        for key, value in headers
        if key == b"connection"
        for name in value.split(b",")
    }
    return [
        (name, value)
        for name, value in headers
        if name not in NEVER_PASSED
        and name not in hops
        and not name.startswith(NEVER_PASSED_PREFIXES)
    ]


def _without_keys(query: bytes) -> str:
    """Return a query without the key that Google's SDKs may put there."""
    pairs = query.decode("latin-1").split("&")
    return "&".join(pair for pair in pairs if unquote(pair.partition("=")[0]) not in KEYS)
