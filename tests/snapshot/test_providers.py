from __future__ import annotations

from typing import Any

import pytest

from sluicegate.llm.providers import kinds
from sluicegate.model.provider import Provider
from sluicegate.settings import Settings
from sluicegate.snapshot.pieces import PieceMaker
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.snapshot.providers import dialects_of, provider_faults, secrets_in, shown
from support.configuration import faults_of, messages_of

OWN = "kind: openai_compatible, url: 'http://127.0.0.1:1/v1'"


def of(text: str) -> dict[str, str]:
    found = messages_of(f"providers: {{p: {{{text}}}}}\n")
    return {path.removeprefix("providers.p").removeprefix("."): m for path, m in found.items()}


def stored(spec: Any) -> dict[str, str]:
    maker = PieceMaker(PolicyCatalog(()), Settings())
    found = maker.faults("provider", "p", spec)
    assert len({fault.path for fault in found}) == len(found)
    return {fault.path.removeprefix("providers.p."): fault.message for fault in found}


def test_a_provider_is_of_a_kind_that_there_is() -> None:
    assert of("kind: openai, key: k") == {}
    assert of("kind: opnai, key: k") == {
        "kind": "there is no kind of provider `opnai`; did you mean `openai`?"
    }
    assert of("kind: '../x'")["kind"].endswith("expected one of " + ", ".join(kinds()))


def test_it_has_what_its_vendor_needs() -> None:
    assert of("kind: openai") == {"key": "nothing given; a provider of the kind `openai` needs it"}
    assert list(of("kind: openai_compatible")) == ["url"]
    assert list(of("kind: bedrock")) == ["region"]
    assert list(of("kind: vertex")) == ["project", "region"]


@pytest.mark.parametrize("kind", kinds())
def test_every_kind_says_what_is_missing_and_speaks_something(kind: str) -> None:
    config = Provider(kind=kind)
    for field, message in provider_faults(config):
        assert field in config.__struct_fields__
        assert kind in message
    assert dialects_of(config)


def test_a_field_that_is_wrong_is_not_missing_too() -> None:
    assert list(of("kind: openai, key: [a]")) == ["key"]
    assert list(of("kind: bedrock, region: 'Far Away'")) == ["region"]


def test_what_the_vendor_finds_is_told() -> None:
    assert list(of("kind: vertex, project: p, region: global, key: k")) == ["key"]


def test_dialects_are_named_once_and_spoken() -> None:
    assert of(OWN + ", dialects: [openai_chat, openai_responses]") == {}
    assert list(of(OWN + ", dialects: []")) == ["dialects"]
    assert list(of(OWN + ", dialects: [openai_chat, openai_chat]")) == ["dialects[1]"]
    assert list(of(OWN + ", dialects: [klingon]")) == ["dialects"]
    config = Provider(kind="openai", key="k", dialects=["openai_responses", "openai_chat"])
    assert dialects_of(config) == ("openai_responses", "openai_chat")


def test_headers_can_be_sent_and_are_not_those_that_are_always_written() -> None:
    assert of(OWN + ", headers: {x-title: 'My app', X-Empty: ''}") == {}
    found = of(OWN + ", headers: {'x y': a, Host: b, content-length: c, x-a: \"d\\r\\ne\"}")
    assert list(found) == [
        'headers["x y"]',
        "headers.Host",
        "headers.content-length",
        "headers.x-a",
    ]


@pytest.mark.parametrize(
    "url", ["ftp://a", "http://a/v1/", "http://user:pw@a", "http://a?b=c", "a.example.com"]
)
def test_a_url_is_one_that_paths_can_be_put_behind(url: str) -> None:
    (fault,) = faults_of(f"providers: {{p: {{kind: openai, key: k, url: '{url}'}}}}\n")
    assert fault.path == "providers.p.url"
    assert "pw" not in fault.message


def test_what_is_stored_holds_secrets_by_reference_only() -> None:
    plain = {
        "kind": "bedrock",
        "region": "us-east-1",
        "aws": {"access_key_id": "hunter2", "secret_access_key": "hunter2"},
        "headers": {"Authorization": "hunter2", "x-title": "plain", "cf-aig-token": "$${x:y}"},
    }
    found = stored(plain)
    assert sorted(found) == [
        "aws.access_key_id",
        "aws.secret_access_key",
        "headers.Authorization",
        "headers.cf-aig-token",
    ]
    assert "hunter2" not in str(found)
    assert "`sluicegate secret set NAME`" in found["headers.Authorization"]
    right = {"kind": "openai", "key": "${secret:openai}", "headers": {"x-key": "a ${secret:b}"}}
    assert stored(right) == {}
    assert list(stored({"kind": "openai", "key": "hunter2"})) == ["key"]
    assert stored({"kind": "openai", "key": "${env:KEY}"})["key"].startswith(
        "`${env:KEY}`: what is"
    )


def test_a_file_may_hold_them_and_they_are_not_shown() -> None:
    assert of("kind: openai, key: hunter2") == {}
    spec = {"kind": "openai", "key": "hunter2", "credentials": {"a": "hunter2"}, "headers": 3}
    assert list(secrets_in(spec)) == [("key",), ("credentials",)]
    assert shown(spec) == {**spec, "key": "(not shown)", "credentials": "(not shown)"}
    assert spec["key"] == "hunter2"
    for odd in (None, 3, [], {"aws": 3}, {"aws": None, "headers": None}):
        assert shown(odd) == odd
