from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.journey.dispatch.model.sealing import (
    NOBODY,
    OWNER,
    ObjectSealing,
    check_names,
    maker,
    no_object,
    opened,
    owned,
    sealed,
)
from sluicegate.llm.call import ModelCall
from sluicegate.llm.endpoint import Endpoint
from sluicegate.llm.failure import CallError
from support.exchanges import exchange
from support.links import link

LINK = link("openai")
OTHER_KEY = link("openai", key="another-key-of-the-gateway")
NAMES = st.text(max_size=20)


def call(dialect: str = "openai_responses", **members: Any) -> ModelCall:
    made = ModelCall(Endpoint("call", dialect), "m")
    made.fields = {name: msgspec.Raw(json.dumps(value).encode()) for name, value in members.items()}
    return made


def sealing(owner: str | None = "ada") -> ObjectSealing:
    asked = exchange()
    asked.consumer_name = owner
    return ObjectSealing(asked, LINK)


@given(st.text(min_size=1, max_size=60), NAMES)
def test_an_id_comes_back_from_its_seal(id_: str, owner: str) -> None:
    assert opened(sealed(id_, owner, LINK), owner, LINK) == id_


@given(st.text(max_size=60), NAMES)
def test_no_text_that_was_not_sealed_is_an_id(text: str, owner: str) -> None:
    assert opened(text, owner, LINK) is None


@given(st.text(min_size=1, max_size=20), NAMES, NAMES)
def test_an_id_is_of_no_use_to_others(id_: str, owner: str, other: str) -> None:
    if owner != other:
        assert opened(sealed(id_, owner, LINK), other, LINK) is None


def test_an_id_is_of_no_use_at_another_provider_or_under_another_key() -> None:
    text = sealed("resp_1", "ada", LINK)
    assert opened(text, "ada", OTHER_KEY) is None
    assert maker(text, "ada", [OTHER_KEY, LINK]) == (LINK, "resp_1")
    assert maker(text, "eve", [OTHER_KEY, LINK]) is None


def test_what_a_call_goes_on_with_is_the_providers_own_id_again() -> None:
    text = sealed("resp_1", "ada", LINK)
    changes = sealing().changes(call(previous_response_id=text))
    assert changes == {"previous_response_id": b'"resp_1"'}


@pytest.mark.parametrize("text", ["resp_1", sealed("resp_1", "eve", LINK), "."])
def test_what_is_not_ones_own_is_not_there(text: str) -> None:
    with pytest.raises(CallError) as error:
        sealing().changes(call(previous_response_id=text))
    assert error.value.failure.status == 404
    assert error.value.failure.field == "previous_response_id"


@pytest.mark.parametrize("value", [None, 7, ["a"]])
def test_what_is_no_id_is_the_providers_to_refuse(value: Any) -> None:
    assert sealing().changes(call(previous_response_id=value)) == {}


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"conversation": "conv_1"}, "conversation"),
        ({"input": [{"role": "user"}, {"type": "item_reference", "id": "i"}]}, "input[1]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
    ],
)
def test_what_belongs_to_the_providers_account_is_nobodys(members: Any, field: str) -> None:
    with pytest.raises(CallError) as error:
        check_names(call(**members))
    assert error.value.failure.status == 400
    assert error.value.failure.field == field


@pytest.mark.parametrize(
    "members",
    [
        {},
        {"conversation": None},
        {"input": "item_reference"},
        {"input": [{"role": "user", "content": "item_reference"}]},
        {"input": [{"type": "reasoning", "id": "rs_1", "summary": []}, {"type": 5}]},
    ],
)
def test_what_is_said_whole_is_the_callers(members: Any) -> None:
    check_names(call(**members))


def test_a_provider_without_a_key_keeps_nothing_that_could_be_asked_for() -> None:
    keyless = link("vllm", key=None)
    assert not keyless.binds
    assert sealed("resp_1", "ada", keyless) == "resp_1"
    assert opened("resp_1." + keyless.mac(b"x")[:22], "ada", keyless) is None
    forged = keyless.mac(f"object\0{keyless.name}\0ada\0resp_1".encode())[:22]
    assert opened(f"resp_1.{forged}", "ada", keyless) is None


@pytest.mark.parametrize(
    ("given_", "sent"),
    [
        ({}, {OWNER: "ada"}),
        ({"metadata": None}, {OWNER: "ada"}),
        ({"metadata": {"a": "1"}}, {"a": "1", OWNER: "ada"}),
        ({"metadata": {OWNER: "eve"}}, {OWNER: "ada"}),
        ({"metadata": "odd"}, "odd"),
    ],
)
def test_a_stored_completion_says_whose_it_is(given_: Any, sent: Any) -> None:
    changes = sealing().changes(call("openai_chat", **given_))
    assert json.loads(changes["metadata"]) == sent


def test_what_nobody_in_particular_has_stored_is_marked_as_well() -> None:
    changes = sealing(None).changes(call("openai_chat"))
    assert json.loads(changes["metadata"]) == {OWNER: NOBODY}


def test_ids_are_renamed_where_they_stand_alone() -> None:
    old, new = sealing().rename("resp_1")
    assert old == b'"resp_1"'
    assert new == json.dumps(sealed("resp_1", "ada", LINK)).encode()
    assert sealing().rename_in(b'{"object":"response","id":"resp_1"}') == (old, new)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"<", b'{"id":7}', b'{"id":"\xff"}', b'{"id":""}'])
def test_what_has_no_id_is_left_as_it_is(body: bytes) -> None:
    assert sealing().rename_in(body) is None


@pytest.mark.parametrize("body", [b"", b"[]", b'{"a":1}', b"{"])
def test_an_update_without_metadata_is_left_as_it_is(body: bytes) -> None:
    assert owned(body, "ada") == body


@pytest.mark.parametrize("metadata", [b"null", b"{}", b'{"sluicegate_consumer":"eve"}'])
def test_an_update_of_metadata_leaves_the_owner_in_it(metadata: bytes) -> None:
    body = owned(b'{"odd": 1.50, "metadata": %b}' % metadata, "ada")
    assert body == b'{"odd":1.50,"metadata":{"sluicegate_consumer":"ada"}}'


def test_of_a_long_id_only_the_beginning_is_told() -> None:
    assert len(no_object("x" * 10_000).message) < 200
