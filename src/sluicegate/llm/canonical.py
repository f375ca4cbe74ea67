"""What a call of a model, its answer and its stream say, in whatever dialect they came.

A dialect reads into this form and writes from it, so that n dialects need 2n translations and not
n². Nothing is lost on the way without a word: a reader refuses fields that it does not know, and a
writer tells `Losses` of everything that its dialect has no words for.

`at` is where something stood in the caller's own request, such as `messages[2].content[0]`; an
error names that. Numbers are as on the wire: tokens, seconds since 1970, USD nowhere.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

Role = Literal["system", "user", "assistant", "tool"]
Effort = Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"]
StopReason = Literal[
    "end", "length", "tool_calls", "stop_sequence", "content_filter", "refusal", "pause"
]
"""`end`: nothing more to say. `pause`: a server-side tool goes on in the next call (Anthropic)."""


class Cache(Struct, frozen=True):
    """A marker: what stands up to here is worth caching. `ttl` such as `5m`, `1h`; "" for none."""

    ttl: str = ""


# --- parts of messages ---------------------------------------------------------------------------


class Text(Struct, kw_only=True):
    """Text. `citations` are those of an answer, each as a plain object in its dialect's form."""

    text: str
    at: str = ""
    cache: Cache | None = None
    citations: list[dict[str, Any]] | None = None
    signature: Signature | None = None


class Media(Struct, kw_only=True):
    """An image, document, sound or film: exactly one of `data` (base64), `url`, `file_id`, `text`.

    `media_type` such as `image/png`; "" where nobody said. `text` is a document of plain text.
    """

    kind: Literal["image", "document", "audio", "video"]
    media_type: str = ""
    data: str | None = None
    url: str | None = None
    file_id: str | None = None
    text: str | None = None
    name: str = ""
    detail: str = ""
    context: str = ""
    cited: bool = False
    at: str = ""
    cache: Cache | None = None


class Signature(Struct, frozen=True):
    """Proof of a model's reasoning, good only at models of its `family` (see `signature`)."""

    family: str
    text: str


class Thinking(Struct, kw_only=True):
    """Reasoning of a model. `redacted`: `signature` is all there is of it, and opaque.

    `id` is an item's id in dialects that have one. `summary` says that the text is one.
    """

    text: str = ""
    signature: Signature | None = None
    redacted: bool = False
    id: str = ""
    summary: bool = False
    at: str = ""


class ToolCall(Struct, kw_only=True):
    """A tool that the model wants called. `arguments` is the text of a JSON object, as it came.

    `custom`: a tool with free text instead (`arguments` is that text).
    """

    id: str
    name: str
    arguments: str
    custom: bool = False
    signature: Signature | None = None
    at: str = ""
    cache: Cache | None = None


class ToolResult(Struct, kw_only=True):
    """What a tool gave. `id` is that of its call; `name` may be empty."""

    id: str
    parts: list[Text | Media]
    name: str = ""
    failed: bool = False
    custom: bool = False
    at: str = ""
    cache: Cache | None = None


class Refusal(Struct, kw_only=True):
    """The model's own words that it will not."""

    text: str
    at: str = ""


class Opaque(Struct, kw_only=True):
    """A part of an answer or history that only `dialect` has words for: `raw`, a plain object."""

    dialect: str
    raw: dict[str, Any]
    at: str = ""


Part = Text | Media | Thinking | ToolCall | ToolResult | Refusal | Opaque


class Message(Struct, kw_only=True):
    """One turn. Results of tools are parts of a message of the role `tool`, one or several."""

    role: Role
    parts: list[Part]
    name: str = ""
    at: str = ""


# --- a call --------------------------------------------------------------------------------------


class Tool(Struct, kw_only=True):
    """A tool that the model may call. `parameters` is a JSON schema; None where it was not given.

    `builtin`: a tool that the provider itself has, as a plain object in the caller's dialect; its
    `name` is then its type. `custom`: takes free text, in `grammar` where that was given.
    """

    name: str
    description: str = ""
    parameters: dict[str, Any] | None = None
    strict: bool | None = None
    builtin: dict[str, Any] | None = None
    custom: bool = False
    grammar: dict[str, Any] | None = None
    at: str = ""
    cache: Cache | None = None


class ToolChoice(Struct, kw_only=True):
    """Whether tools must be called: `named` only those of `names` (of one: exactly that)."""

    mode: Literal["auto", "none", "required", "named"] = "auto"
    names: list[str] = []


class Format(Struct, kw_only=True):
    """What the answer's text must be. `schema` with `json_schema` only."""

    kind: Literal["text", "json_object", "json_schema"]
    name: str = ""
    schema: dict[str, Any] | None = None
    strict: bool | None = None
    description: str = ""


class Reasoning(Struct, kw_only=True):
    """How much to think.

    By `effort`, by `budget` (tokens; 0 is off, -1 as much as it likes), or `adaptive`: as the model
    sees fit. `shown`: whether the answer shows it; None for the default.
    `summary` is OpenAI's word for how (auto, concise, detailed).
    """

    effort: Effort | None = None
    budget: int | None = None
    adaptive: bool = False
    shown: bool | None = None
    summary: str | None = None


class Request(Struct, kw_only=True):
    """One call of a chat model. What is None was not asked for.

    `extras`: fields that the caller's dialect has and this form has not, by path, as plain data. A
    writer of a dialect that has a field of that meaning pops it; what is left is a loss.
    """

    dialect: str
    model: str
    messages: list[Message]
    stream: bool = False
    stream_usage: bool = False
    tools: list[Tool] = []
    tool_choice: ToolChoice | None = None
    parallel_tools: bool | None = None
    max_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    stop: list[str] = []
    seed: int | None = None
    frequency_penalty: float | None = None
    presence_penalty: float | None = None
    logit_bias: dict[str, float] | None = None
    logprobs: bool | None = None
    top_logprobs: int | None = None
    n: int | None = None
    format: Format | None = None
    reasoning: Reasoning | None = None
    verbosity: str | None = None
    user: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    store: bool | None = None
    cache_key: str | None = None
    extras: dict[str, Any] = {}


# --- an answer -----------------------------------------------------------------------------------


class Usage(Struct, kw_only=True):
    """Tokens. `input` holds `cached` and `cache_write` as well, `output` holds `reasoning`.

    `cache_write_1h` is the part of `cache_write` that is kept for an hour. Those of sound and of
    images are parts of `input` and `output`. `estimated`: counted from bytes, for nobody said.
    `tier` is the service tier that the answer had, in the vendor's word (`priority`, `flex`,
    Anthropic's `fast`; of Google's traffic types `tiers.TRAFFIC`); empty where nobody said.
    """

    input: int = 0
    output: int = 0
    cached: int = 0
    cache_write: int = 0
    cache_write_1h: int = 0
    reasoning: int = 0
    audio_input: int = 0
    audio_output: int = 0
    image_input: int = 0
    image_output: int = 0
    estimated: bool = False
    tier: str = ""

    @property
    def total(self) -> int:
        """All of them."""
        return self.input + self.output


class TopLogprob(Struct, kw_only=True, omit_defaults=False):
    """A token that might have come."""

    token: str
    logprob: float
    bytes: list[int] | None = None


class Logprob(Struct, kw_only=True, omit_defaults=False):
    """A token that came, and what else might have."""

    token: str
    logprob: float
    bytes: list[int] | None = None
    top_logprobs: list[TopLogprob] = []


class Stop(Struct, kw_only=True):
    """Why a choice ended. `sequence` is the stop sequence; `detail` the provider's own word."""

    reason: StopReason
    sequence: str | None = None
    detail: str = ""


class Choice(Struct, kw_only=True):
    """One answer of `n`."""

    index: int
    parts: list[Part]
    stop: Stop
    logprobs: list[Logprob] | None = None


class Answer(Struct, kw_only=True):
    """A whole answer. `model` as the provider says; `extras` as in `Request`."""

    id: str
    model: str
    created: int
    choices: list[Choice]
    usage: Usage | None
    service_tier: str | None = None
    fingerprint: str | None = None
    extras: dict[str, Any] = {}


# --- a stream ------------------------------------------------------------------------------------


class Begun(Struct, frozen=True):
    """The first event. No token yet."""

    id: str
    model: str
    created: int
    usage: Usage | None = None
    service_tier: str | None = None
    fingerprint: str | None = None


class PartBegun(Struct, frozen=True):
    """A part of `choice` begins: an empty one of its type, to which deltas of its index belong.

    `part` counts from 0 within the choice. A ToolCall has its id and name already.
    """

    choice: int
    part: int
    empty: Text | Thinking | ToolCall | Refusal | Opaque


class Delta(Struct, frozen=True):
    """More text of a part: words, reasoning, a refusal, or JSON of a tool's arguments."""

    choice: int
    part: int
    text: str


class Signed(Struct, frozen=True):
    """The signature of a part."""

    choice: int
    part: int
    signature: Signature


class Cited(Struct, frozen=True):
    """A citation of a text part."""

    choice: int
    part: int
    citation: dict[str, Any]


class PartEnded(Struct, frozen=True):
    """A part is whole."""

    choice: int
    part: int


class Logprobs(Struct, frozen=True):
    """Of the tokens that came last."""

    choice: int
    tokens: list[Logprob]


class Stopped(Struct, frozen=True):
    """A choice is whole."""

    choice: int
    stop: Stop


class Used(Struct, frozen=True):
    """The tokens so far; the last one counts."""

    usage: Usage


class Ended(Struct, frozen=True):
    """The dialect's own end marker: nothing is missing. Nothing comes after it."""


class Failed(Struct, frozen=True):
    """The provider says in mid-stream that it failed."""

    failure: Any
    """A `sluicegate.llm.failure.Failure`."""


Event = (
    Begun | PartBegun | Delta | Signed | Cited | PartEnded | Logprobs | Stopped | Used | Ended
    | Failed
)  # fmt: skip
