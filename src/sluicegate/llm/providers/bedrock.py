"""Amazon Bedrock: the Converse API, with SigV4 or, where there is a `key`, as a bearer token.

Source: botocore 1.44, `data/bedrock-runtime/2023-09-30`: `service-2.json` (paths; `modelId` is a
label that is escaped whole; auth `aws.auth#sigv4` and `smithy.api#httpBearerAuth`; signing name
`bedrock`), `endpoint-rule-set-1.json` (hosts; `.com.cn` in China).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sluicegate.llm.provider import Place
from sluicegate.llm.vendor import Vendor

if TYPE_CHECKING:
    from sluicegate.model.provider import Provider as ProviderConfig


class _Bedrock(Vendor):
    def base(self, config: ProviderConfig) -> str:
        own = super().base(config)
        in_china = config.url is None and (config.region or "").startswith("cn-")
        return f"{own}.cn" if in_china else own

    def check(self, config: ProviderConfig) -> list[tuple[str, str]]:
        faults = super().check(config)
        if config.key is not None and config.aws is not None:
            faults.append(("aws", "found beside `key`; expected one of the two"))
        return faults


PROVIDER: Final = _Bedrock(
    kind="bedrock",
    url="https://bedrock-runtime.{region}.amazonaws.com",
    auth="aws",
    places={"bedrock_converse": Place("/model/{model}/converse", "/model/{model}/converse-stream")},
    required=("region",),
)
