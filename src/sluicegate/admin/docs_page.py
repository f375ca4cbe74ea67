"""The admin API's schema as one HTML page: no script, nothing from elsewhere."""

from __future__ import annotations

import base64
import hashlib
from html import escape
from typing import Any, Final

STYLE: Final = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code,pre{font:14px/1.4 ui-monospace,monospace}h3{margin:1.5rem 0 0}"
    "summary{cursor:pointer}.method{display:inline-block;min-width:4.5rem;font-weight:700}"
    "table{border-collapse:collapse}td,th{text-align:left;padding:.1rem 1rem .1rem 0;"
    "vertical-align:top}@media(prefers-color-scheme:dark){body{background:#111;color:#ddd}"
    "a{color:#8bf}}"
)
METHODS: Final = ("get", "post", "put", "patch", "delete")


def content_security_policy() -> str:
    """Return the policy for every answer of the API: this page's style, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'; "
        "frame-ancestors 'none'"
    )


def page(schema: dict[str, Any]) -> str:
    """Draw an OpenAPI schema."""
    info = schema["info"]
    title = escape(f"{info['title']} {info['version']}")
    operations = "".join(
        _operation(method, path, item[method])
        for path, item in sorted(schema["paths"].items())
        for method in METHODS
        if method in item
    )
    shapes = "".join(_shape(*pair) for pair in sorted(schema["components"]["schemas"].items()))
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{STYLE}</style></head><body><h1>{title}</h1>"
        "<p>Send <code>Authorization: Bearer sga_…</code>. The same as a file: "
        '<a href="/admin/openapi.json">openapi.json</a>.</p>'
        f"<h2>Operations</h2>{operations}<h2>Shapes</h2>{shapes}</body></html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    head = (
        f'<summary><span class="method">{method.upper()}</span> <code>{escape(path)}</code> '
        f"{escape(operation.get('summary', ''))}</summary>"
    )
    parameters = "".join(_parameter(parameter) for parameter in operation.get("parameters", ()))
    table = f"<table><tr><th>parameter<th>in<th>{parameters}</table>" if parameters else ""
    body = _content(operation.get("requestBody", {}), "body")
    answers = "".join(
        f"<li><code>{escape(status)}</code> {escape(answer.get('description', ''))}"
        f"{_content(answer, '')}"
        for status, answer in sorted(operation["responses"].items())
    )
    text = escape(operation.get("description", ""))
    return f"<details>{head}<p>{text}</p>{table}{body}<ul>{answers}</ul></details>"


def _parameter(parameter: dict[str, Any]) -> str:
    return (
        f"<tr><td><code>{escape(parameter['name'])}</code><td>{escape(parameter['in'])}"
        f"<td>{escape(parameter.get('description', ''))}"
    )


def _content(holder: dict[str, Any], word: str) -> str:
    parts = [
        f"{word} <code>{escape(media)}</code> {_named(content.get('schema', {}))}"
        for media, content in holder.get("content", {}).items()
    ]
    return f"<p>{'; '.join(parts)}</p>" if parts else ""


def _named(schema: dict[str, Any]) -> str:
    """Name a schema: by a link where it is one of the shapes."""
    if "$ref" in schema:
        name = escape(schema["$ref"].rpartition("/")[2])
        return f'<a href="#{name}">{name}</a>'
    if "items" in schema:
        return "list of " + _named(schema["items"])
    choices = schema.get("oneOf") or schema.get("anyOf") or ()
    if choices:
        return " or ".join(_named(choice) for choice in choices)
    found = schema.get("type", "anything")
    return escape(" or ".join(found) if isinstance(found, list) else str(found))


def _shape(name: str, schema: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(field)}</code><td>{_named(part)}"
        f"<td>{escape(part.get('description', ''))}"
        for field, part in schema.get("properties", {}).items()
    )
    text = escape(schema.get("description", ""))
    return f'<h3 id="{escape(name)}">{escape(name)}</h3><p>{text}</p><table>{rows}</table>'
