"""OpenAI's Responses API (`POST /v1/responses`), which Azure, xAI, vLLM and others speak as well.

Wire facts are those of the official SDK openai 3.54 (openai/types/responses, openai/lib/streaming),
which is generated from OpenAI's specification; each file names the ones it rests on.

What only this API has goes only to those who speak it: `previous_response_id`, `conversation`,
`background`, items and tools of OpenAI's own. What this API has no words for stands in the places
that `extension` lists: `extra_content` of an item and an object `sluicegate`.
"""

from sluicegate.llm.dialects.openai_responses.responses import DIALECT as DIALECT
