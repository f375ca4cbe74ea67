"""The admin API as an ASGI application: its frame, and the controllers it is given.

    /admin/openapi.json    the schema, OpenAPI 3.1
    /admin/docs            the same as a page, with nothing from elsewhere
    /admin/v1/…            controllers, behind door.py and idempotency.py

Schema and page ask for no token: they say what is public, nothing of this installation, and a
browser has no way to send one.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple, cast

from litestar import Litestar, Router
from litestar.di import Provide

from sluicegate.absent import absent
from sluicegate.admin.audit import Audit
from sluicegate.admin.docs_page import content_security_policy
from sluicegate.admin.door import Door
from sluicegate.admin.idempotency import Idempotency
from sluicegate.admin.identity import BEHIND, PROVIDED, Behind
from sluicegate.admin.openapi import SchemaPages, described, openapi_config, query_parameters
from sluicegate.admin.problems import answer
from sluicegate.admin.replicas import Replicas
from sluicegate.admin.sign_in import SignIn
from sluicegate.admin.strict import MAX_BODY, StrictRequest
from sluicegate.admin.token_pages import TokenPages
from sluicegate.admin.whoami import WhoAmI

if TYPE_CHECKING:
    from pathlib import Path

    from litestar.types import (
        ASGIApp,
        ControllerRouterHandler,
        Middleware,
        Receive,
        Scope,
        Send,
    )

    from sluicegate.admin.bridge import Message
    from sluicegate.admin.bridge import Receive as AnyReceive
    from sluicegate.admin.bridge import Send as AnySend
    from sluicegate.admin.control import Control
    from sluicegate.admin.door import Known
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics

ROOT: Final = "/admin/v1"


class Frame(NamedTuple):
    """What the API needs beside `Control`.

    `token_file` holds the first admin token; `plain` takes tokens of other machines over plain
    HTTP.
    """

    clock: Clock
    metrics: Metrics
    token_file: Path | None
    plain: bool


class Api:
    """The application; each answer says that it is neither to be kept nor to be framed."""

    def __init__(self, app: Litestar, behind: Behind) -> None:
        """Answer by `app`."""
        self.litestar = app
        self._behind = behind
        self._fixed = [
            (b"cache-control", b"no-store"),
            (b"content-security-policy", content_security_policy().encode()),
            (b"referrer-policy", b"no-referrer"),
            (b"x-content-type-options", b"nosniff"),
        ]

    def forget(self, tokens: Iterable[str]) -> None:
        """Look again for tokens that have changed."""
        self._behind.sign_in.tokens.forget(tokens)

    async def __call__(self, scope: Message, receive: AnyReceive, send: AnySend) -> None:
        """Answer one request (ASGI)."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message.get("headers", ()), *self._fixed]
            await send(message)

        request = cast("Scope", {**scope, BEHIND: self._behind})
        await self.litestar(request, cast("Receive", receive), cast("Send", with_headers))


def build(control: Control, controllers: Sequence[ControllerRouterHandler], frame: Frame) -> Api:
    """Return the application, with `controllers` below `/admin/v1` beside those of this package."""
    sign_in = SignIn(control, frame.clock, frame.metrics, frame.token_file, plain=frame.plain)
    return Api(_application(tuple(controllers)), Behind(control, frame.clock, sign_in, set()))


@functools.cache
def _application(controllers: tuple[ControllerRouterHandler, ...]) -> Litestar:
    """Return what is the same whatever is behind it: requests bring that along."""
    pages = SchemaPages(lambda: described(app.openapi_schema.to_schema()))
    known: dict[tuple[str, str], frozenset[str]] = {}
    router = Router(
        ROOT,
        route_handlers=[WhoAmI, TokenPages, Audit, Replicas, *controllers],
        dependencies={
            name: Provide(provide, sync_to_thread=False) for name, provide in PROVIDED.items()
        },
        middleware=_middleware(known),
    )
    with absent("pydantic", "attr"):  # of the environment's others: a sixth of a start
        app = Litestar(
            [router, *pages.handlers()],
            exception_handlers={Exception: answer},
            openapi_config=openapi_config(),
            request_class=StrictRequest,
            request_max_body_size=MAX_BODY,
            logging_config=None,
            debug=False,
        )
    known |= query_parameters(app.routes)
    return app


def _middleware(known: Known) -> list[Middleware]:
    """Return what stands before every handler, outermost first.

    As functions: Litestar copies deeply whatever else it is given, once per handler.
    """

    def door(app: ASGIApp) -> ASGIApp:
        return Door(app, known)

    return [door, Idempotency]
