"""Amazon Bedrock: where it is, and what it wants otherwise."""

from __future__ import annotations

from sluicegate.llm.providers import find
from support.links import link, parsed, places, settings

HOST = "https://bedrock-runtime.us-east-1.amazonaws.com"


def test_the_converse_api_is_spoken_in_the_configured_region() -> None:
    assert places("bedrock") == {"bedrock_converse": f"{HOST}/model/m/converse"}


def test_a_stream_has_a_path_of_its_own_and_ids_are_escaped_whole() -> None:
    name = "arn:aws:bedrock:us-east-1::inference-profile/us.x-v1:0"
    head = link("bedrock").head("bedrock_converse", name, stream=True, body=b"{}")
    assert parsed(head)[1] == (
        "/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A%3Ainference-profile%2Fus.x-v1%3A0"
        "/converse-stream"
    )


def test_china_has_a_domain_of_its_own() -> None:
    at = places("bedrock", region="cn-north-1")["bedrock_converse"]
    assert at.startswith("https://bedrock-runtime.cn-north-1.amazonaws.com.cn/")


def test_a_key_and_keys_of_aws_are_one_too_many() -> None:
    both = settings("bedrock", key="a-key")
    assert [field for field, _ in find("bedrock").check(both)] == ["aws"]
    assert not find("bedrock").check(settings("bedrock"))
