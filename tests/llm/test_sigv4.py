"""Signatures of AWS, compared with botocore's."""

from __future__ import annotations

import datetime as dt
from unittest import mock
from urllib.parse import quote

import botocore.auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.llm.sigv4 import AwsSecret, Signer

NOW_US = 1_700_000_000_000_000
SEGMENTS = st.lists(st.text(min_size=1, max_size=12).map(lambda x: quote(x, safe="")), max_size=4)
WORDS = st.text("abcXYZ019 -_~", min_size=1, max_size=12)


def botocores(
    method: str, path: str, query: str, headers: dict[str, str], body: bytes, token: str | None
) -> dict[str, str]:
    """Return what botocore adds at NOW_US."""
    now = dt.datetime.fromtimestamp(NOW_US // 1_000_000, dt.UTC)
    url = f"https://{headers['host']}{path}" + (f"?{query}" if query else "")
    request = AWSRequest(method=method, url=url, headers=headers, data=body)
    signer = botocore.auth.SigV4Auth(Credentials("AKID", "secret", token), "bedrock", "eu-west-1")
    with mock.patch.object(botocore.auth, "get_current_datetime", return_value=now):
        signer.add_auth(request)
    return {
        name.lower(): value
        for name, value in request.headers.items()
        if name.lower() not in headers
    }


@given(
    st.sampled_from(["GET", "POST"]),
    SEGMENTS,
    st.lists(st.tuples(st.sampled_from("abAB"), st.text("xyz%20", max_size=3)), max_size=3),
    st.dictionaries(st.sampled_from(["x-one", "x-two", "accept"]), WORDS),
    st.binary(max_size=50),
    st.sampled_from([None, "a-token"]),
)
def test_every_request_is_signed_as_botocore_does(
    method: str,
    segments: list[str],
    pairs: list[tuple[str, str]],
    others: dict[str, str],
    body: bytes,
    token: str | None,
) -> None:
    if any(segment in (".", "..") for segment in segments):
        return
    path = "/" + "/".join(segments)
    query = "&".join(f"{name}={value}" for name, value in pairs)
    headers = {"host": "h.example.com", **others}
    signer = Signer("bedrock", "eu-west-1")
    ours = signer.sign(
        AwsSecret("AKID", "secret", token or ""),
        NOW_US,
        method,
        path,
        query,
        list(headers.items()),
        body,
    )
    theirs = botocores(method, path, query, headers, body, token)
    assert {name.decode(): value.decode() for name, value in ours} == theirs


def test_another_day_and_other_credentials_have_another_key() -> None:
    signer = Signer("bedrock", "eu-west-1")
    one = AwsSecret("AKID", "secret")
    days = [NOW_US, NOW_US + 86_400_000_000, NOW_US]
    signed = [signer.sign(one, day, "GET", "/", "", [("host", "h")], b"") for day in days]
    assert signed[0] == signed[2] != signed[1]
    assert (
        signer.sign(AwsSecret("AKID", "x"), NOW_US, "GET", "/", "", [("host", "h")], b"")
        != signed[0]
    )
