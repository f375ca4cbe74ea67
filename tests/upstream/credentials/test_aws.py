"""Credentials of AWS by botocore's chain: real files, a real server in place of a container's."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sluicegate.upstream.credentials.aws import chain
from support.loops import in_thread
from support.upstreams import Upstream, answering, response


@pytest.fixture(autouse=True)
def nothing_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")


def test_keys_of_the_environment_have_no_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKID")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "of-the-environment")
    secret, ends_us = chain()()
    assert (secret.key_id, secret.secret, secret.token) == ("AKID", "of-the-environment", "")
    assert ends_us is None


def test_a_profile_that_changes_is_read_again(tmp_path: Path) -> None:
    ask = chain()
    for number in (1, 2):
        keys = f"aws_access_key_id = AKID{number}\naws_secret_access_key = s{number}\n"
        (tmp_path / "credentials").write_text(f"[default]\n{keys}")
        assert ask()[0].key_id == f"AKID{number}"


def test_a_role_has_a_token_and_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    told = {
        "AccessKeyId": "ASIA",
        "SecretAccessKey": "of-the-role",
        "Token": "a-token",
        "Expiration": "2099-01-01T00:00:00Z",
    }
    said = response(200, {"Content-Type": "application/json"}, json.dumps(told).encode())
    with in_thread(Upstream(answering(said))) as server:
        monkeypatch.setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", f"{server.url}/role")
        secret, ends_us = chain()()
    assert (secret.key_id, secret.secret, secret.token) == ("ASIA", "of-the-role", "a-token")
    assert ends_us == 4_070_908_800_000_000


def test_a_chain_that_knows_nothing_says_so() -> None:
    with pytest.raises(LookupError):
        chain()()
