"""The first step of `authorize` on a route with AI endpoints: which model is asked for.

The body is read whole, and its members are told apart without looking into them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.errors import FORBIDDEN, UNSUPPORTED_MEDIA, Refused
from sluicegate.journey.dispatch.model.cost_told import READ_COMMENTS, last_comment
from sluicegate.journey.dispatch.model.errors import ErrorForm, tell
from sluicegate.journey.dispatch.model.opening import check_method
from sluicegate.llm.call import ModelCall
from sluicegate.llm.failure import CallError, Failure, invalid
from sluicegate.model.name_pattern import any_matches

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sluicegate.exchange import Exchange
    from sluicegate.llm.endpoint import Endpoint
    from sluicegate.model.name_pattern import NamePattern
    from sluicegate.policy import Onward

MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
TEXT: Final = msgspec.json.Decoder(str)
FLAG: Final = msgspec.json.Decoder(bool | None)
IDENTITY: Final = b"identity"
MOST_NAME: Final = 2048
"""Characters of a model's name; an ARN of Amazon's has as many at most."""
WHOLE: Final = ("openai_embeddings", "anthropic_count_tokens")
"""Dialects that do not stream, whatever a caller asks for."""
GOVERNED: Final = frozenset({"model", "stream", "store", "previous_response_id"})
"""Members that something is decided by. Servers that take names in any case (those written in Go:
`encoding/json`) must not read another one from what is passed through."""


class Reading:
    """Reads the calls of one route."""

    __slots__ = ("_models", "max_body")

    def __init__(self, max_body: int, models: Sequence[NamePattern]) -> None:
        """`models` are the only ones served; empty for all. `max_body` in bytes."""
        self.max_body = max_body
        self._models = tuple(models)

    async def handle(self, exchange: Exchange, onward: Onward) -> None:
        """Set `exchange.call`, or answer 400, 403, 404, 413 or 415."""
        endpoint, form = exchange.endpoint, exchange.speaks
        if endpoint is None or not isinstance(form, ErrorForm):
            raise RuntimeError("a call that was not opened")
        check_method(exchange, endpoint)
        try:
            if endpoint.operation == "call":
                exchange.call = await self._call(exchange, endpoint)
            else:
                exchange.call = ModelCall(endpoint, _asked(endpoint))
            self._check(exchange, exchange.call)
        except CallError as error:
            tell(exchange, form, error.failure)
            return
        if exchange.call.stream and exchange.call.endpoint.dialect in READ_COMMENTS:
            exchange.on_end(last_comment)
        await onward(exchange)

    async def _call(self, exchange: Exchange, endpoint: Endpoint) -> ModelCall:
        request = exchange.request
        coding = request.headers.get(b"content-encoding")
        if coding is not None and coding.strip().lower() != IDENTITY:
            raise Refused(UNSUPPORTED_MEDIA, "the body of a call must not be compressed")
        if request.body is None:
            raise invalid("", "a call has a body: a JSON object")
        body = await request.body.read(self.max_body)
        fields = _members(body)
        call = ModelCall(endpoint, endpoint.model or _model(fields))
        if len(call.asked) > MOST_NAME:
            raise invalid("model", f"is longer than {MOST_NAME} characters")
        call.body = body
        call.fields = fields
        call.at_us = exchange.clock.wall_us()
        if not endpoint.model and endpoint.dialect not in WHOLE:
            call.stream = _flag(fields, "stream")
        return call

    async def again(self, exchange: Exchange, call: ModelCall) -> None:
        """Take what a policy has made of the body meanwhile. Raises CallError.

        The model stays the one that the caller was found to be allowed to ask for.
        """
        body = exchange.request.body
        if body is None or not body.replaced:
            return
        said = await body.read(self.max_body)
        fields = _members(said)
        if not call.endpoint.model:
            fields["model"] = call.fields["model"]
            call.stream = call.endpoint.dialect not in WHOLE and _flag(fields, "stream")
        call.body = said
        call.fields = fields

    def _check(self, exchange: Exchange, call: ModelCall) -> None:
        """Look whether key and route let this model be asked for, and find it."""
        operation = call.endpoint.operation
        if operation in ("models", "stored"):
            return
        allowed = exchange.models
        if allowed and not any_matches(allowed, call.asked):
            raise Refused(FORBIDDEN, f"the key may not be used for the model `{call.asked}`")
        if operation == "native":
            return
        pool = None
        if self.serves(call.asked):
            pool = exchange.snapshot.models.find(call.asked)
        if pool is None:
            raise CallError(no_model(call.asked))
        call.pool = pool
        call.alias = pool.name

    def serves(self, asked: str) -> bool:
        """Whether the route serves a model of this name."""
        return not self._models or any_matches(self._models, asked)


def no_model(asked: str) -> Failure:
    """Say that there is no such model."""
    return Failure(
        kind="not_found",
        status=404,
        message=f"there is no model `{asked[:128]}` here",
        code="model_not_found",
        field="model",
        ours=True,
    )


def _asked(endpoint: Endpoint) -> str:
    return f"proxy/{endpoint.provider}" if endpoint.operation == "native" else endpoint.model


def _members(body: bytes) -> dict[str, msgspec.Raw]:
    try:
        fields = MEMBERS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise invalid("", f"the body is not a JSON object: {error}") from None
    except RecursionError:
        raise invalid("", "the body is nested too deeply") from None
    for name in fields:
        if name not in GOVERNED and name.casefold() in GOVERNED:
            raise invalid(name[:64], f"write `{name.casefold()}`")
    return fields


def _model(fields: dict[str, msgspec.Raw]) -> str:
    raw = fields.get("model")
    if raw is None:
        raise invalid("model", "is missing")
    try:
        model = TEXT.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid("model", "expected a text") from None
    if not model:
        raise invalid("model", "is empty")
    return model


def _flag(fields: dict[str, msgspec.Raw], name: str) -> bool:
    raw = fields.get(name)
    if raw is None:
        return False
    try:
        return bool(FLAG.decode(raw))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise invalid(name, "expected true or false") from None
