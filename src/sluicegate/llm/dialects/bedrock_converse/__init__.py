"""`bedrock_converse`: Converse and ConverseStream of Amazon Bedrock.

Source of every name: botocore, data/bedrock-runtime/2023-09-30/service-2.json.gz (1.44).

What the dialect has no words for in an answer (id, model, time, signatures of other families,
refusals, tokens of reasoning) is in `additionalModelResponseFields.sluicegate`.
"""

from sluicegate.llm.dialects.bedrock_converse.dialect import DIALECT

__all__ = ["DIALECT"]
