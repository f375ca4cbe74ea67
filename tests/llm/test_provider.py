"""Every vendor has what the contract of a provider asks for; tests/contracts tests what it does."""

from __future__ import annotations

import inspect
from typing import get_args

import pytest

from sluicegate.llm import dialects, providers
from sluicegate.llm.provider import Auth, Place, Provider
from support.links import settings

METHODS = [name for name, value in vars(Provider).items() if inspect.isfunction(value)]
METHODS = [name for name in METHODS if not name.startswith("_")]


@pytest.mark.parametrize("kind", providers.kinds())
def test_a_vendor_has_every_member_of_the_contract(kind: str) -> None:
    made = providers.find(kind)
    assert made.kind == kind
    assert made.auth in get_args(Auth)
    assert made.key_header == made.key_header.lower()
    assert (made.auth == "header") == bool(made.key_header)
    assert set(made.places) <= set(dialects.names())
    assert set(made.required) <= {"key", "region", "project", "url"}
    for name in [*(name for name, _ in made.headers), *made.forwards]:
        assert name == name.lower()
    for method in METHODS:
        asked = list(inspect.signature(getattr(Provider, method)).parameters)[1:]
        given = list(inspect.signature(getattr(made, method)).parameters)
        assert given == asked, method


@pytest.mark.parametrize("kind", providers.kinds())
def test_what_a_vendor_speaks_has_a_path_behind_a_url_without_a_slash(kind: str) -> None:
    config = settings(kind)
    made = providers.find(kind)
    base = made.base(config)
    assert base.startswith(("http://", "https://"))
    assert not base.endswith("/")
    spoken = made.spoken(config)
    assert spoken
    for place in spoken.values():
        assert place.path.startswith("/")
        assert not place.stream_path or place.stream_path.startswith("/")
    assert made.dialect_for("some-model") in dialects.names()


def test_a_place_is_a_path_unless_more_is_said() -> None:
    assert Place("/v1/chat") == Place("/v1/chat", "", "", "", b"")
