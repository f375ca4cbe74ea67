from __future__ import annotations

from sluicegate.process.written import as_written

SOURCE = b"""
services:
  up: {targets: ['${env:UPSTREAM}']}
consumers:
  you: {plan: free, keys: [{value: '${file:key}'}]}
providers:
  p: {kind: openai, key: '${env:KEY}', headers: {x-api-key: hunter2, x-team: blue}}
  q: {kind: bedrock, key: hunter2, aws: {access_key_id: hunter2, secret_access_key: hunter2}}
policies:
  - metrics: {}
gateway: {listen: '127.0.0.1:8080'}
"""


def test_resources_are_shown_as_written_with_their_references() -> None:
    found = as_written(SOURCE)
    assert found["service"] == {"up": {"targets": ["${env:UPSTREAM}"]}}
    assert found["policies"] == {"": [{"metrics": {}}]}


def test_keys_of_consumers_and_settings_are_not_shown() -> None:
    found = as_written(SOURCE)
    assert found["consumer"] == {"you": {"plan": "free"}}
    assert "8080" not in str(found)


def test_a_text_that_declares_nothing_shows_nothing() -> None:
    assert as_written(b"") == {}
    assert as_written(b"routes: 5") == {}


def test_secrets_of_providers_are_not_shown_but_the_references_to_them_are() -> None:
    found = as_written(SOURCE)
    assert "hunter2" not in str(found)
    assert found["provider"]["p"] == {
        "kind": "openai",
        "key": "${env:KEY}",
        "headers": {"x-api-key": "(not shown)", "x-team": "blue"},
    }
    assert found["provider"]["q"]["aws"].keys() == {"access_key_id", "secret_access_key"}
