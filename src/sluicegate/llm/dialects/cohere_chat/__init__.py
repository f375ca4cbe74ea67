"""`cohere_chat`: Cohere's chat, API v2.

Sources: cohere 7.3 (`v2/raw_client.py`, `v2/types`, `types`) and docs.cohere.com ("A Guide to
Streaming Responses", "Streaming for tool use", "Reasoning Capabilities", "Errors").

`tool_plan` is reasoning whose id is `tool_plan`. What the dialect has no words for in an answer is
in `sluicegate` of the message; signatures of other families are `signature` of their part.
"""

from sluicegate.llm.dialects.cohere_chat.dialect import DIALECT

__all__ = ["DIALECT"]
