"""The way into the admin API: an ASGI middleware around every handler below `/admin/v1`.

It finds out who is asking, gives path parameters their slashes back, and logs every write that was
refused. Writes that were done are in the history.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import parse_qsl

import structlog

from sluicegate.admin.identity import behind
from sluicegate.admin.problems import Invalid, refusal_for
from sluicegate.admin.segments import restored
from sluicegate.errors import UNSUPPORTED_MEDIA, Fault, Refused

if TYPE_CHECKING:
    from litestar.types import ASGIApp, Message, Receive, Scope, Send

    from sluicegate.admin.identity import Who

READS: Final = frozenset({"GET", "HEAD", "OPTIONS"})
JSON: Final = frozenset({"application/json", "application/merge-patch+json"})
"""Types of bodies (RFC 8259, RFC 7396)."""
REFUSED: Final = 400
"""Statuses from here on are refusals."""


Known = Mapping[tuple[str, str], frozenset[str]]
"""Names of query parameters by (path, method), as in the schema."""


class Door:
    """Lets callers in."""

    def __init__(self, app: ASGIApp, known: Known) -> None:
        """Stand before `app`; `known` are the query parameters of each operation."""
        self._app = app
        self._known = known

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or raise Refused."""
        request = cast("dict[str, Any]", scope)
        address = (request.get("client") or ("", 0))[0]
        who: Who | None = None

        async def watched(message: Message) -> None:
            if message["type"] == "http.response.start":
                _note(request, who, address, message["status"])
            await send(message)

        try:
            who = await behind(request).sign_in.who(
                _field(request, b"authorization"), address, request["scheme"]
            )
            request["user"] = who
            _check_type(request)
            _check_query(request, self._known)
            request["path_params"] = _restored(request["path_params"])
            await self._app(scope, receive, watched)
        except Exception as error:
            _note(request, who, address, refusal_for(error).problem.status)
            raise


def _field(request: dict[str, Any], wanted: bytes) -> str | None:
    """Return a field's value; None where there is none, or more than one."""
    values = [value for name, value in request["headers"] if name == wanted]
    return values[0].decode("latin-1") if len(values) == 1 else None


def _check_type(request: dict[str, Any]) -> None:
    """Raise Refused (415) for a body that is not said to be JSON."""
    if (_field(request, b"content-length") or "0") == "0":
        return
    media = (_field(request, b"content-type") or "").partition(";")[0].strip().lower()
    if media not in JSON:
        raise Refused(UNSUPPORTED_MEDIA, "expected `Content-Type: application/json`")


def _check_query(request: dict[str, Any], known: Known) -> None:
    """Raise Invalid (422) for parameters that nobody reads: `?dryrun=true` must change nothing."""
    names = known.get((request["path_template"], request["method"]), frozenset())
    given = [
        name
        for name, _ in parse_qsl(request["query_string"].decode("latin-1"), keep_blank_values=True)
    ]
    faults = [Fault(name, 0, "there is no such parameter") for name in given if name not in names]
    faults += [Fault(name, 0, "given more than once") for name in names if given.count(name) > 1]
    if faults:
        raise Invalid(faults)


def _restored(parameters: dict[str, Any]) -> dict[str, Any]:
    return {
        name: restored(value) if isinstance(value, str) else value
        for name, value in parameters.items()
    }


def _note(request: dict[str, Any], who: Who | None, address: str, status: int) -> None:
    """Log a write that was refused."""
    if status < REFUSED or request["method"] in READS:
        return
    structlog.get_logger().warning(
        "change refused",
        audit=True,
        who=None if who is None else who.name,
        via=address,
        method=request["method"],
        path=restored(request["path"]),
        status=status,
    )
