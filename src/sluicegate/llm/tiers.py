"""Service tiers: what a call asks for, and what Google calls them in an answer.

Who asks for one may get the standard one instead, at its price; the answer says which it was.
Sources: openai 3.54 `types/chat/chat_completion.py` (`service_tier`: what is not set is `auto`, the
project's own; an answer to `fast` says `priority`); anthropic 2.12 `types/message_create_params.py`
and `types/usage.py` (`speed`; `service_tier` there is about capacity that was bought, and changes
no price per token); google-genai 3.4 `types.py` (`ServiceTier` of a call; `TrafficType` of Vertex's
answers; the Gemini API says it in the header `x-gemini-service-tier` alone); botocore 1.44,
bedrock-runtime `ServiceTier`, of calls and answers.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from collections.abc import Mapping

FAST: Final = "fast"
TRAFFIC: Final = {
    "ON_DEMAND": "standard",
    "ON_DEMAND_PRIORITY": "priority",
    "ON_DEMAND_FLEX": "flex",
    "ON_DEMAND_OFFPEAK": "offpeak",
    "PROVISIONED_THROUGHPUT": "provisioned",
}
"""`trafficType` to the words of `ServiceTier`, where that has one."""
NAMES: Final = ("service_tier", "serviceTier")
UNSAID: Final = frozenset({"auto", "unspecified"})


class _Typed(msgspec.Struct):
    """Converse's form."""

    type: str = ""


TIER: Final = msgspec.json.Decoder(str | _Typed | None)


def asked_tier(fields: Mapping[str, msgspec.Raw]) -> str:
    """Return the tier that a call asks for, in lower case; empty for none, or for any.

    What is no tier counts as none: the dialect's reader or the provider refuses it.
    """
    if "speed" in fields and _text(fields["speed"]) == FAST:
        return FAST
    for name in NAMES:
        if name in fields:
            tier = _text(fields[name]).removeprefix("service_tier_")
            return "" if tier in UNSAID else tier
    return ""


def _text(raw: msgspec.Raw) -> str:
    try:
        said = TIER.decode(raw)
    except (ValueError, RecursionError):
        return ""
    if said is None:
        return ""
    return (said if isinstance(said, str) else said.type).lower()
