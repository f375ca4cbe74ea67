"""Tokens of Google: of a service account, by a real exchange with a server in place of Google's."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sluicegate.upstream.credentials.google import SCOPE, tokens
from support.loops import in_thread
from support.upstreams import Upstream, answering, response


def account(token_uri: str) -> dict[str, Any]:
    """Return a service account's file, with a key of its own."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    return {
        "type": "service_account",
        "project_id": "a-project",
        "private_key_id": "1",
        "private_key": pem.decode(),
        "client_email": "gateway@a-project.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": token_uri,
    }


TOKEN = response(
    200,
    {"Content-Type": "application/json"},
    b'{"access_token":"ya29.a-token","expires_in":3600,"token_type":"Bearer"}',
)


def test_a_service_account_is_exchanged_for_a_token_that_ends() -> None:
    with in_thread(Upstream(answering(TOKEN))) as server:
        ask = tokens(json.dumps(account(f"{server.url}/token")))
        token, ends_us = ask()
        assert ask()[0] == token
        assert len(server.requests) == 2
        assert b"jwt-bearer" in server.requests[0].body
    assert token == "ya29.a-token"
    assert ends_us is not None


def test_without_an_account_the_environment_is_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with in_thread(Upstream(answering(TOKEN))) as server:
        path = tmp_path / "account.json"
        path.write_text(json.dumps(account(f"{server.url}/token")))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
        assert tokens(None)()[0] == "ya29.a-token"


def test_the_scope_is_that_of_the_cloud() -> None:
    assert SCOPE == "https://www.googleapis.com/auth/cloud-platform"


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"type": "service_account"}'])
def test_what_is_no_account_is_an_error_and_nothing_else(text: str) -> None:
    with pytest.raises(Exception, match=r"."):
        tokens(text)()
