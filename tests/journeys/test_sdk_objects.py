"""Objects that a provider keeps, by the OpenAI SDK: they are found again, and are one's own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import openai
import pytest
from openai import OpenAI

from support.gateway import Gateway, gateway
from support.loops import in_thread
from support.object_keeper import ObjectKeeper

KEY = "key-of-the-gateway"
YAML = """
providers:
  east: {{kind: openai, url: '{east}/v1', key: '${{env:PROVIDER_KEY}}'}}
  west: {{kind: openai, url: '{west}/v1', key: '${{env:PROVIDER_KEY}}'}}
models:
  both: {{deployments: [{{provider: east, model: m}}, {{provider: west, model: m}}]}}
  western: {{deployments: [{{provider: west, model: w}}]}}
consumers:
  ann: {{keys: [{{value: '${{env:ANN}}'}}]}}
  bob: {{keys: [{{value: '${{env:BOB}}'}}]}}
routes:
  ai: {{match: {{path: /**}}, ai: {{}}, policies: [{{api_key: {{}}}}]}}
"""


class Setting:
    """Two providers that keep things, the gateway before them, and two who ask."""

    def __init__(self, running: Gateway, keepers: list[ObjectKeeper]) -> None:
        url = f"http://127.0.0.1:{running.port}/v1"
        self.keepers = keepers
        self.ann = OpenAI(base_url=url, api_key="the-key-of-consumer-ann", max_retries=0)
        self.bob = OpenAI(base_url=url, api_key="the-key-of-consumer-bob", max_retries=0)

    def keeper_of(self, id_: str) -> ObjectKeeper:
        """Return who has made what the SDK knows by this id."""
        bare = id_.rpartition(".")[0]
        return next(keeper for keeper in self.keepers if bare in keeper.kept)


@pytest.fixture(scope="module")
def setting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Setting]:
    with ExitStack() as stack:
        keepers = [stack.enter_context(in_thread(ObjectKeeper(n, KEY))) for n in ("east", "west")]
        yaml = YAML.format(**{keeper.name: keeper.upstream.url for keeper in keepers})
        keys = {
            "PROVIDER_KEY": KEY,
            "ANN": "the-key-of-consumer-ann",
            "BOB": "the-key-of-consumer-bob",
        }
        running = stack.enter_context(gateway(tmp_path_factory.mktemp("objects"), yaml, **keys))
        made = Setting(running, keepers)
        stack.callback(made.ann.close)
        stack.callback(made.bob.close)
        yield made


def test_a_stored_response_is_found_again_until_it_is_deleted(setting: Setting) -> None:
    responses = setting.ann.responses
    for _ in range(4):  # whoever has made it
        made = responses.create(model="both", input="Say something.", store=True)
        found = responses.retrieve(made.id)
        assert (found.id, found.output_text) == (made.id, made.output_text)
        items = responses.input_items.list(made.id)
        assert [item.type for item in items] == ["message"]
        assert responses.cancel(made.id).status == "cancelled"
        responses.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            responses.retrieve(made.id)
    assert all(keeper.calls for keeper in setting.keepers)


def test_a_conversation_goes_on_with_the_provider_that_keeps_it(setting: Setting) -> None:
    for _ in range(4):
        first = setting.ann.responses.create(model="both", input="One.", store=True)
        keeper = setting.keeper_of(first.id)
        second = setting.ann.responses.create(
            model="both", input="Two.", previous_response_id=first.id
        )
        assert keeper.calls[-1].content["previous_response_id"] == first.id.rpartition(".")[0]
        assert setting.keeper_of(second.id) is keeper


def test_a_streamed_response_is_found_by_the_id_of_its_events(setting: Setting) -> None:
    with setting.ann.responses.stream(model="both", input="Say something.", store=True) as events:
        ids = {event.response.id for event in events if hasattr(event, "response")}
    assert len(ids) == 1
    assert setting.ann.responses.retrieve(ids.pop()).status == "completed"


def test_nobody_elses_response_is_found_deleted_or_gone_on_with(setting: Setting) -> None:
    made = setting.ann.responses.create(model="both", input="Say something.", store=True)
    bare = made.id.rpartition(".")[0]
    theirs = setting.bob.responses
    for id_ in (made.id, bare):
        for ask in (theirs.retrieve, theirs.delete, theirs.cancel, theirs.input_items.list):
            with pytest.raises(openai.NotFoundError):
                ask(id_)
        with pytest.raises(openai.NotFoundError):
            theirs.create(model="both", input="And?", previous_response_id=id_)
    with pytest.raises(openai.NotFoundError):
        setting.ann.responses.retrieve(bare)
    assert setting.ann.responses.retrieve(made.id).id == made.id


def test_a_response_that_is_not_stored_has_the_providers_own_id(setting: Setting) -> None:
    made = setting.ann.responses.create(model="both", input="Say something.", store=False)
    assert any(made.id in keeper.kept for keeper in setting.keepers)


def test_stored_completions_are_listed_changed_and_deleted_by_their_owner(
    setting: Setting,
) -> None:
    completions = setting.ann.chat.completions
    asked = [{"role": "user", "content": "Say something."}]
    made = completions.create(model="western", messages=asked, store=True, metadata={"for": "test"})
    assert completions.retrieve(made.id).id == made.id
    assert [each.id for each in completions.list(model="western")] == [made.id]
    assert [each.role for each in completions.messages.list(made.id)] == ["user"]
    changed = completions.update(made.id, metadata={"for": "another"})
    assert changed.metadata["for"] == "another"
    assert [each.id for each in completions.list(model="western")] == [made.id]
    assert list(setting.bob.chat.completions.list(model="western")) == []
    with pytest.raises(openai.NotFoundError):
        setting.bob.chat.completions.update(made.id, metadata={})
    assert completions.delete(made.id).deleted
    with pytest.raises(openai.NotFoundError):
        completions.retrieve(made.id)
