"""The schema of the admin API: what Litestar draws from the handlers, and what holds for all.

Every operation may be refused with a problem (RFC 9457), every one below `/admin/v1` wants a token,
every POST takes an `Idempotency-Key`. Litestar's own pages load scripts from elsewhere; they are
shut, and ours take their place.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Final

import msgspec
from litestar import MediaType, Response, Router, get
from litestar.exceptions import NotFoundException
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import JsonRenderPlugin
from litestar.routes import HTTPRoute

from sluicegate import __version__
from sluicegate.admin.docs_page import page
from sluicegate.admin.problems import MEDIA

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from litestar.connection import ASGIConnection
    from litestar.handlers import BaseRouteHandler
    from litestar.types import ControllerRouterHandler

METHODS: Final = frozenset({"get", "post", "put", "patch", "delete"})
PROBLEM: Final = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. Match on `type`; `detail` is for people.",
    "required": ["type", "title", "status", "instance"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "What is wrong with which field, by its path.",
            "items": {
                "type": "object",
                "required": ["path", "message"],
                "properties": {"path": {"type": "string"}, "message": {"type": "string"}},
            },
        },
        "instance": {"type": "string"},
    },
}
IDEMPOTENCY_KEY: Final = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "With the same one the same request is done once; kept for a day.",
    "schema": {"type": "string", "pattern": "^[!#-\\[\\]-~]{1,255}$"},
}
NAME: Final = "^[A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}$"
"""Of resources; `/` is sent as `%2F`."""
MODEL_NAME: Final = "^([A-Za-z0-9_][A-Za-z0-9._:@/+-]{0,127}\\*?|\\*)$"
MODELS: Final = "/models/{name"
CHANGES: Final = {"$ref": "#/components/schemas/ShownChanges"}
TABLE: Final = "text/csv"
"""Of answers that `format=csv` asks for."""
REFUSALS: Final = {
    "4XX": "The request was refused; nothing was changed.",
    "503": "The store cannot be reached, or cannot be written to now.",
}


def openapi_config() -> OpenAPIConfig:
    """Return the configuration of Litestar's schema, its own pages shut."""
    return OpenAPIConfig(
        title="Sluicegate admin API",
        version=__version__,
        use_handler_docstrings=True,
        render_plugins=[JsonRenderPlugin()],
        openapi_router=Router(
            "/admin/litestar", route_handlers=[], include_in_schema=False, guards=[_shut]
        ),
    )


class SchemaPages:
    """The schema and the page; drawn once, when somebody asks: it takes a third of a second."""

    def __init__(self, draw: Callable[[], dict[str, Any]]) -> None:
        """Show what `draw` returns, a whole schema."""
        self._draw = draw
        self._drawn: tuple[bytes, str] | None = None
        self._one_at_a_time = threading.Lock()

    def _shown(self) -> tuple[bytes, str]:
        with self._one_at_a_time:
            if self._drawn is None:
                schema = self._draw()
                self._drawn = msgspec.json.encode(schema), page(schema)
            return self._drawn

    def handlers(self) -> list[ControllerRouterHandler]:
        """Return what answers with them, in a thread: the loop goes on while they are drawn."""

        @get("/admin/openapi.json", include_in_schema=False, sync_to_thread=True)
        def schema() -> Response[bytes]:
            return Response(self._shown()[0], media_type=MediaType.JSON)

        @get("/admin/docs", include_in_schema=False, sync_to_thread=True)
        def docs() -> Response[str]:
            return Response(self._shown()[1], media_type=MediaType.HTML)

        return [schema, docs]


def query_parameters(routes: Iterable[object]) -> dict[tuple[str, str], frozenset[str]]:
    """Return the names of query parameters by (path, method), as they are in the schema, too."""
    return {
        (route.path_format, method): frozenset(
            parameter.field_alias for parameter in asked.expected_query_params
        )
        for route in routes
        if isinstance(route, HTTPRoute)
        for method, (_, asked) in route.route_handler_map.items()
    }


def described(schema: dict[str, Any]) -> dict[str, Any]:
    """Add to a schema what holds for every operation."""
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM
    components["securitySchemes"] = {
        "token": {"type": "http", "scheme": "bearer", "description": "An admin token, `sga_…`."}
    }
    schema["security"] = [{"token": []}]
    for shape in components["schemas"].values():
        if "properties" in shape:
            shape.setdefault("additionalProperties", False)  # as every struct of ours
    for path, item in schema["paths"].items():
        name = MODEL_NAME if MODELS in path else NAME
        for method in METHODS & item.keys():
            _complete(method, item[method], name)
    return schema


def _complete(method: str, operation: dict[str, Any], name: str) -> None:
    responses = operation["responses"]
    for parameter in operation.get("parameters", ()):
        if (parameter["in"], parameter["name"]) == ("path", "name"):
            parameter["schema"].setdefault("pattern", name)
    responses.pop("400", None)  # Litestar's own shape, which no answer here has
    responses.get("204", {}).pop("content", None)  # RFC 9110, section 15.3.5
    if any(parameter["name"] == "dry_run" for parameter in operation.get("parameters", ())):
        _add_dry_run(responses["200"]["content"]["application/json"])
    if any(parameter["name"] == "format" for parameter in operation.get("parameters", ())):
        responses["200"]["content"][TABLE] = {"schema": {"type": "string"}}
    for status, description in REFUSALS.items():
        content = {MEDIA: {"schema": {"$ref": "#/components/schemas/Problem"}}}
        responses[status] = {"description": description, "content": content}
    if method == "post":
        operation["parameters"] = [*operation.get("parameters", ()), IDEMPOTENCY_KEY]


def _add_dry_run(answer: dict[str, Any]) -> None:
    """Let an answer be what a dry run says, where the status is that of what was done too."""
    if answer["schema"] != CHANGES:
        answer["schema"] = {"anyOf": [answer["schema"], CHANGES]}


def _shut(connection: ASGIConnection[Any, Any, Any, Any], handler: BaseRouteHandler) -> None:  # noqa: ARG001 - a guard's signature
    raise NotFoundException
