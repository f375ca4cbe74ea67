"""How a provider is shown who we are."""

from __future__ import annotations

import pytest

from sluicegate.errors import CredentialsAway
from sluicegate.llm.providers import find
from sluicegate.llm.sigv4 import AwsSecret
from sluicegate.metrics import Metrics
from sluicegate.upstream.credentials.proof import AwsProof, GoogleProof, KeyProof, Proof, proof_of
from sluicegate.upstream.credentials.renewed import Renewed
from support.links import KEY, settings
from support.loops import run
from support.mock_clock import MockClock


def shown(proof: Proof, key_header: bytes = b"") -> dict[bytes, bytes]:
    return dict(proof.fields(key_header, "POST", "/", "", "h", b"{}"))


def of(kind: str, **config: object) -> Proof:
    return proof_of("p", settings(kind, **config), find(kind), MockClock(), Metrics())


def test_each_kind_of_proof_is_that_of_its_vendor() -> None:
    assert shown(of("openai")) == {b"authorization": f"Bearer {KEY}".encode()}
    assert shown(of("anthropic")) == {b"x-api-key": KEY.encode()}
    assert isinstance(of("bedrock"), AwsProof)
    assert isinstance(of("vertex"), GoogleProof)
    assert shown(of("bedrock", key=KEY, aws=None)) == shown(of("openai"))


def test_a_place_may_have_the_key_elsewhere() -> None:
    assert shown(of("openai"), b"x-api-key") == {b"x-api-key": KEY.encode()}
    assert shown(of("anthropic"), b"authorization") == shown(of("openai"))


def test_a_server_without_a_key_is_shown_nothing() -> None:
    proof = of("ollama")
    assert (shown(proof), proof.secrets(), proof.ready, proof.fixed) == ({}, [], True, True)


def test_the_newline_of_a_keys_file_is_no_part_of_the_key() -> None:
    assert shown(KeyProof("a-key\n", b"x-api-key")) == {b"x-api-key": b"a-key"}


def test_temporary_keys_of_aws_are_used_once_they_are_there() -> None:
    async def scenario() -> None:
        clock = MockClock()
        ends_us = clock.wall_us() + 3_600_000_000
        secret = AwsSecret("ASIA", "a-secret", "a-token")
        proof = AwsProof(
            "eu-west-1", None, Renewed("p", lambda: (secret, ends_us), clock, Metrics()), clock
        )
        assert (proof.ready, proof.secrets()) == (False, [])
        with pytest.raises(CredentialsAway):
            shown(proof)
        await proof.refresh()
        assert shown(proof)[b"x-amz-security-token"] == b"a-token"
        assert proof.secrets() == [b"a-secret", b"a-token"]
        proof.close()

    run(scenario())


def test_a_token_of_google_is_a_bearer_token() -> None:
    async def scenario() -> None:
        clock = MockClock()
        proof = GoogleProof(Renewed("p", lambda: ("ya29", None), clock, Metrics()))
        assert (proof.ready, proof.secrets()) == (False, [])
        await proof.refresh()
        assert shown(proof) == {b"authorization": b"Bearer ya29"}
        assert proof.secrets() == [b"ya29"]
        proof.close()

    run(scenario())
