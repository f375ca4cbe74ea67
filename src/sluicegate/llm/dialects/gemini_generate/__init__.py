"""Google's `generateContent`, as the Gemini API and Vertex AI speak it.

Source of every fact, where no other is given: python-genai 3.4.0, the vendor's own SDK:
`google/genai/types.py` (fields and what they mean), `models.py` (what goes where on the wire, of
both APIs), `_api_client.py` (streams, errors within them) and `errors.py` (what it raises).

What a caller of this dialect is told beyond the dialect's words stands in `sluicegate`, a member
of the answer (of the last one of a stream) beside `candidates`, which the SDK ignores:

    choices     per candidate: `index`; `stop`: {reason, sequence, detail} where `finishReason` says
                less; `citations`: [{part, citation}]; `refusals`: parts that are a refusal's words;
                `opaque`: [{dialect, raw}] that only another dialect has words for
    usage       `cache_write`, `cache_write_1h`, `audio_input`, `audio_output` where not 0
    extras      what the provider said besides, by path
    service_tier, fingerprint
"""

from __future__ import annotations

from sluicegate.llm.dialects.gemini_generate.dialect import GeminiGenerate

DIALECT = GeminiGenerate()
