from __future__ import annotations

import msgspec
import pytest

from sluicegate.model.provider import AwsKeys, Provider


def test_what_is_shown_of_a_provider_is_no_secret() -> None:
    aws = AwsKeys(access_key_id="hunter2", secret_access_key="hunter2", session_token="hunter2")
    provider = Provider(
        kind="bedrock", key="hunter2", credentials="hunter2", headers={"x-key": "hunter2"}, aws=aws
    )
    assert "hunter2" not in repr(provider) + str(aws)
    assert "bedrock" in repr(provider)


@pytest.mark.parametrize("region", ["a.b", "evil.example.com/", "", "US", "a\n"])
def test_a_region_leads_to_no_other_host(region: str) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"kind": "vertex", "region": region}, Provider)
