"""Asking the admin API over HTTP: one request, one answer, and what an exit status makes of it.

Nothing is sent twice, and no redirect and no proxy of the environment is followed: a token goes to
the address that was named and nowhere else.
"""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

import msgspec

from sluicegate import __version__
from sluicegate.absent import absent
from sluicegate.cli.exits import CommandFailed, Exit, Refusal
from sluicegate.cli.table import plain

with absent("click"):  # a command line of its own, with colours: a fifth of what ours takes
    import httpx

DEFAULT_URL: Final = "http://127.0.0.1:9090"
"""`management.listen` unless told otherwise."""
TOKEN_FILE: Final = Path(".sluicegate/admin.token")
"""Where a gateway with SQLite, started in this folder, keeps its first token."""
CONNECT_S: Final = 5.0
TLS: Final = ssl.PROTOCOL_TLS_CLIENT
"""Trusts nobody until it is told whom."""
ANSWER_S: Final = 120.0
"""Longer than the largest `apply` takes."""
PAGE: Final = 1000


class Answer(NamedTuple):
    """A successful answer. `body` is its JSON, None where there is none."""

    status: int
    headers: Mapping[str, str]
    body: Any


class Client:
    """One admin API. `url` is what stands before `/admin/v1`."""

    def __init__(self, url: str, token: str, http: httpx.Client) -> None:
        """Ask through `http`, with `token`."""
        self.url = url
        self._token = token
        self._http = http

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: object = None,
        query: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
        base: str = "/admin/v1",
    ) -> Answer:
        """Send one request and return its answer; `path` is quoted already.

        Raises Refusal, and CommandFailed where there is no answer.
        """
        given = {k: v for k, v in (query or {}).items() if v is not None}
        sent = {"authorization": f"Bearer {self._token}", **(headers or {})}
        content = None if body is None else msgspec.json.encode(body)
        if content is not None:
            sent.setdefault("content-type", "application/json")
        try:
            answer = self._http.request(
                method, f"{self.url}{base}{path}", params=given, content=content, headers=sent
            )
        except httpx.HTTPError as error:
            raise CommandFailed(Exit.UNREACHABLE, _why(self.url, method, error)) from None
        found = _json(answer)
        if not answer.is_success:
            raise Refusal(answer.status_code, found if isinstance(found, dict) else {})
        return Answer(answer.status_code, answer.headers, found)

    def get(self, path: str, **query: object) -> Any:  # noqa: ANN401 - any JSON
        """Return the JSON at `path`."""
        return self.ask("GET", path, query=query).body

    def pages(self, path: str, limit: int, **query: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401 - any text or number
        """Yield the pages of a list, as the API gives them, until `limit` items or its end."""
        while limit > 0:
            page = self.get(path, **{**query, "limit": min(limit, PAGE)})
            yield page
            limit -= len(page["items"])
            query["after"] = page.get("next")
            if not query["after"]:
                return

    def close(self) -> None:
        """Close its connections."""
        self._http.close()


def open_client(
    url: str, token: str, *, ca: Path | None = None, over_plain: bool = False
) -> Client:
    """Return a client. Raises CommandFailed for a URL, token or file that cannot be used."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.username:
        shown = f"{parts.scheme}://…" if parts.username else url
        message = f"found the URL `{shown}`; expected one such as `{DEFAULT_URL}`"
        raise CommandFailed(Exit.USAGE, message)
    if parts.scheme == "http" and not over_plain and not is_this_machine(parts.hostname):
        message = f"a token is not sent to {parts.hostname} without TLS"
        hint = "take `https://`, or `--plain` where something else keeps the way there private"
        raise CommandFailed(Exit.USAGE, message, [hint])
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise CommandFailed(Exit.NOT_ALLOWED, "what was given as the token cannot be one")
    try:
        # Reading the system's authorities takes longer than most requests.
        secure = parts.scheme == "https"
        context = ssl.create_default_context(cafile=ca) if secure else ssl.SSLContext(TLS)
    except (OSError, ssl.SSLError) as error:
        message = f"{ca}: no certificates of authorities: {error.strerror or error}"
        raise CommandFailed(Exit.USAGE, message) from None
    http = httpx.Client(
        verify=context,
        trust_env=False,
        timeout=httpx.Timeout(ANSWER_S, connect=CONNECT_S),
        headers={"user-agent": f"sluicegate/{__version__}", "accept": "application/json"},
    )
    return Client(url.rstrip("/"), token, http)


def find_token(file: Path | None, environ: Mapping[str, str]) -> str:
    """Return the token: of `file`, of the environment, or else of `TOKEN_FILE`.

    Raises CommandFailed that says where it was looked for; never what was found.
    """
    given = environ.get("SLUICEGATE_ADMIN_TOKEN")
    if file is None and given:
        return given.strip()
    named = environ.get("SLUICEGATE_ADMIN_TOKEN_FILE")
    where = file or (Path(named) if named else TOKEN_FILE)
    try:
        return where.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or "it is not UTF-8"
        hint = "name one by --token-file, SLUICEGATE_ADMIN_TOKEN_FILE or SLUICEGATE_ADMIN_TOKEN"
        message = f"no admin token: {where}: {reason}"
        raise CommandFailed(Exit.NOT_ALLOWED, message, [hint]) from None


def is_this_machine(host: str) -> bool:
    """Say whether what is sent to `host` stays on this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _json(answer: httpx.Response) -> Any:  # noqa: ANN401 - any JSON
    if not answer.content:
        return None
    try:
        return msgspec.json.decode(answer.content)
    except msgspec.DecodeError:
        if not answer.is_success:
            return None
        message = f"what answers at {answer.url.host}:{answer.url.port} is no admin API"
        raise CommandFailed(Exit.UNREACHABLE, message) from None


def _why(url: str, method: str, error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectTimeout):
        return f"cannot reach {url}: no connection in {CONNECT_S:g} s"
    if isinstance(error, httpx.ConnectError | httpx.UnsupportedProtocol):
        return plain(f"cannot reach {url}: {error}")
    known = "" if method == "GET" else "; whether it was done is not known: look before you repeat"
    return plain(f"no answer from {url}: {type(error).__name__}{known}")
