"""The HTTP client, against a real server that says what it is told."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sluicegate.cli.client import TOKEN_FILE, Client, find_token, is_this_machine, open_client
from sluicegate.cli.exits import CommandFailed, Exit, Refusal
from support.certificates import Authority
from support.ports import free_port

TOKEN = "sga_local_abcdefgh" + "x" * 49


class Told(ThreadingHTTPServer):
    """Answers with what stands in `answers`, one after the other; keeps what it was asked."""

    def __init__(self, answers: list[tuple[int, bytes]]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answers = answers
        self.asked: list[tuple[str, str, dict[str, str], bytes]] = []


class Handler(BaseHTTPRequestHandler):
    server: Told

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.server.asked.append((self.command, self.path, headers, body))
        status, content = self.server.answers.pop(0)
        if not status:
            self.close_connection = True
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Location", "http://elsewhere.invalid/")
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = answer  # noqa: N815 - names of the library

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def told(*answers: tuple[int, Any]) -> Iterator[tuple[Client, Told]]:
    written = [(s, b if isinstance(b, bytes) else json.dumps(b).encode()) for s, b in answers]
    server = Told(written)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    client = open_client(f"http://127.0.0.1:{server.server_port}/gw/", TOKEN)
    try:
        yield client, server
    finally:
        client.close()
        server.shutdown()
        thread.join()
        server.server_close()


def failure(*given: Any, **options: Any) -> CommandFailed:
    with pytest.raises(CommandFailed) as caught:
        open_client(*given, **options)
    return caught.value


def test_a_request_carries_the_token_and_json() -> None:
    with told((201, {"name": "a"})) as (client, server):
        answer = client.ask("POST", "/keys", body={"a": 1}, query={"dry_run": "true", "x": None})
        assert (answer.status, answer.body) == (201, {"name": "a"})
        ((method, path, headers, body),) = server.asked
    assert (method, path) == ("POST", "/gw/admin/v1/keys?dry_run=true")
    assert headers["authorization"] == f"Bearer {TOKEN}"
    assert headers["content-type"] == "application/json"
    assert json.loads(body) == {"a": 1}


def test_an_escaped_slash_stays_escaped() -> None:
    with told((200, {})) as (client, server):
        client.get("/routes/a%2Fb%20c")
        assert server.asked[0][1] == "/gw/admin/v1/routes/a%2Fb%20c"


def test_pages_are_followed_to_the_end_or_the_limit() -> None:
    pages = [{"items": [1, 2], "next": "b"}, {"items": [3], "next": None}]
    with told(*((200, page) for page in pages)) as (client, server):
        assert list(client.pages("/keys", 5000, prefix="a")) == pages
        assert [asked[1].partition("?")[2] for asked in server.asked] == [
            "prefix=a&limit=1000",
            "prefix=a&after=b&limit=1000",
        ]
    with told((200, pages[0])) as (client, _):
        assert list(client.pages("/keys", 2)) == pages[:1]


def test_a_refusal_is_raised_with_its_problem() -> None:
    answer = (409, {"title": "Conflict", "detail": "it is there"})
    told_conflict = pytest.raises(Refusal, match="Conflict: it is there")
    with told(answer) as (client, _), told_conflict as caught:
        client.ask("POST", "/keys", body={})
    assert (caught.value.http_status, caught.value.status) == (409, Exit.CONFLICT)


def test_no_redirect_is_followed_with_a_token() -> None:
    with told((302, b"")) as (client, server), pytest.raises(Refusal):
        client.get("/whoami")
    assert len(server.asked) == 1


def test_what_is_no_admin_api_is_told_apart() -> None:
    other = pytest.raises(CommandFailed, match="is no admin API")
    with told((200, b"<html>")) as (client, _), other as caught:
        client.get("/whoami")
    assert caught.value.status is Exit.UNREACHABLE


def test_after_a_lost_answer_to_a_change_nobody_knows() -> None:
    with told((0, b""), (0, b"")) as (client, _):
        with pytest.raises(CommandFailed, match="whether it was done is not known"):
            client.ask("DELETE", "/keys/a")
        with pytest.raises(CommandFailed) as caught:
            client.get("/keys/a")
    assert "whether" not in str(caught.value)
    assert caught.value.status is Exit.UNREACHABLE


def test_nobody_there_is_unreachable_and_says_where() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    client = open_client(url, TOKEN)
    with pytest.raises(CommandFailed, match=f"cannot reach {url}") as caught:
        client.get("/whoami")
    client.close()
    assert caught.value.status is Exit.UNREACHABLE
    assert TOKEN not in str(caught.value)


def test_a_token_does_not_leave_the_machine_in_the_clear(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://proxy.invalid:1")
    error = failure("http://gateway.internal:9090", TOKEN)
    assert error.status is Exit.USAGE
    assert "without TLS" in str(error)
    open_client("http://gateway.internal:9090", TOKEN, over_plain=True).close()
    with told((200, {})) as (client, _):
        assert client.get("/whoami") == {}


@pytest.mark.parametrize(
    "url", ["gateway:9090", "ftp://a", "http://", "http://u:secret@a", "http://a?b"]
)
def test_what_is_no_url_of_an_api_is_misuse(url: str) -> None:
    error = failure(url, TOKEN)
    assert error.status is Exit.USAGE
    assert "secret" not in str(error)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "schlüssel"])
def test_what_cannot_be_a_token_is_never_sent_or_shown(token: str) -> None:
    error = failure("http://127.0.0.1:1", token)
    assert error.status is Exit.NOT_ALLOWED
    assert not token or token not in str(error)


def test_a_file_without_authorities_is_named(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("nothing")
    assert "ca.pem" in str(failure("https://a", TOKEN, ca=tmp_path / "ca.pem"))
    assert "gone.pem" in str(failure("https://a", TOKEN, ca=tmp_path / "gone.pem"))


def test_the_token_is_the_options_then_the_environments_then_the_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    option, named = tmp_path / "option", tmp_path / "named"
    option.write_text("from-option\n")
    named.write_text("from-named\n")
    TOKEN_FILE.parent.mkdir()
    TOKEN_FILE.write_text("from-folder\n")
    environ = {"SLUICEGATE_ADMIN_TOKEN_FILE": str(named)}
    both = {**environ, "SLUICEGATE_ADMIN_TOKEN": "from-variable"}
    assert find_token(option, both) == "from-option"
    assert find_token(None, both) == "from-variable"
    assert find_token(None, environ) == "from-named"
    assert find_token(None, {}) == "from-folder"


def test_without_a_token_it_is_said_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(CommandFailed, match=r"no admin token: .*gone") as caught:
        find_token(tmp_path / "gone", {})
    assert caught.value.status is Exit.NOT_ALLOWED


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.8.8.8", True), ("::1", True), ("localhost", True),
     ("10.0.0.1", False), ("localhost.example.org", False), ("gateway", False)],
)  # fmt: skip
def test_loopback_is_this_machine(host: str, here: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_this_machine(host) is here


def test_over_tls_the_authority_is_the_one_that_was_named(tmp_path: Path) -> None:
    authority, other = Authority(tmp_path), Authority(tmp_path, "other")
    pair = authority.issue(("localhost",))
    server = Told([(200, b"{}")])
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pair.certificate, pair.key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    url = f"https://localhost:{server.server_port}"
    try:
        stranger = open_client(url, TOKEN, ca=other.ca)
        with pytest.raises(CommandFailed, match="CERTIFICATE_VERIFY_FAILED"):
            stranger.get("/whoami")
        stranger.close()
        assert not server.asked
        client = open_client(url, TOKEN, ca=authority.ca)
        assert client.get("/whoami") == {}
        client.close()
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
