"""OpenAI's chat completions, spoken by most vendors and by every OpenAI-compatible server.

Sources: openai-python 3.54 (`types/chat`, `_streaming.py`, `lib/streaming`), which is generated
from OpenAI's specification. What others have added and this reads and writes too:

    reasoning_content, thinking_blocks   reasoning of a model, and its signatures, as LiteLLM has
                                         them (docs.litellm.ai, "Reasoning Content"); `reasoning`
                                         of OpenRouter, Groq and Cerebras is read
    thinking, cache_control, top_k, min_p  of a request, as LiteLLM and vLLM have them
    extra_content.google.thought_signature  of a tool call or a message, as Google's OpenAI form
                                         has it (ai.google.dev, "Thought signatures")
    images                               pictures in an answer, as OpenRouter has them

What this dialect has no words for stands in an object `sluicegate`:

    of a message or delta  `citations`: [{index, citation}] in another dialect's form;
                           `parts`: [{index, dialect, raw}] that only `dialect` understands
    of a choice            `stop`: {reason, sequence, detail} where `finish_reason` says less
    of the usage           `cache_write_1h_tokens`
    of an answer           `extras`: fields of another dialect
"""

from sluicegate.llm.dialects.openai_chat.chat import DIALECT as DIALECT
