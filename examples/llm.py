"""A model's provider to try things with: `python3 examples/llm.py 9001`. It repeats what it hears.

It speaks as OpenAI (chat completions, responses), Anthropic (messages) and Google (Gemini) do,
whole or streamed, text only. What a model is called says what is the matter with it: `…-down`
answers 503, `…-busy` 429, `…-slow` takes a second, `…-cut` breaks off in the middle.
"""

from __future__ import annotations

import json
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from typing import Any
from urllib.parse import urlsplit

SLOW_S = 1.0
ENOUGH = 5
"""Events before a stream breaks off."""
FAILURES = {"down": (503, "it is down"), "busy": (429, "it has enough to do")}
USAGE = {"prompt_tokens": 12, "completion_tokens": 9, "total_tokens": 21}
NUMBERS = count(1)
STORED: dict[str, bytes] = {}


class Provider(BaseHTTPRequestHandler):
    """Answers calls of models."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes

    def do_POST(self) -> None:
        """Answer a call."""
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length", "0"))))
        path = urlsplit(self.path).path
        streamed = bool(asked.get("stream")) or ":stream" in path
        model = asked.get("model") or path.rpartition("/")[2].partition(":")[0]
        state = model.rpartition("-")[2]
        if state == "slow":
            time.sleep(SLOW_S)
        if state in FAILURES:
            status, message = FAILURES[state]
            self._answer(status, {"error": {"type": "server_error", "message": message}})
            return
        port = self.server.server_address[1]
        text = f"Hello, this is {model} on {port}. You said: {last(asked)}"
        whole, stream = dialect(path)
        if not streamed:
            self._answer(200, whole(model, text))
            return
        self._begin(200, "text/event-stream", None)
        words = text.split(" ")
        pieces = [word if not number else f" {word}" for number, word in enumerate(words)]
        events = list(stream(model, pieces))
        shown = ENOUGH if state == "cut" else len(events)
        for event in events[:shown]:
            self.wfile.write(event)

    def do_GET(self) -> None:
        """Answer what was kept of a response; say what was asked for, of everything else."""
        path = urlsplit(self.path).path
        kept = STORED.get(path.rpartition("/")[2])
        if kept is not None:
            self._answer(200, json.loads(kept))
        elif "/responses/" in path:
            self._answer(404, {"error": {"type": "invalid_request_error", "message": "not here"}})
        else:
            self._answer(200, {"asked": f"{self.command} {self.path}"})

    do_DELETE = do_GET  # noqa: N815 - http.server's name

    def _answer(self, status: int, content: Any) -> None:  # noqa: ANN401 - JSON
        body = json.dumps(content).encode()
        self._begin(status, "application/json", len(body))
        self.wfile.write(body)

    def _begin(self, status: int, media: str, length: int | None) -> None:
        self.send_response(status)
        self.send_header("content-type", media)
        if length is None:
            self.send_header("connection", "close")
        else:
            self.send_header("content-length", str(length))
        if status == 429:  # noqa: PLR2004 - what SDKs and gateways look for there
            self.send_header("retry-after", "30")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Stay quiet."""


def last(asked: dict[str, Any]) -> str:
    """Return the text of the last turn."""
    turns = asked.get("messages") or asked.get("contents") or asked.get("input") or [""]
    turn = turns if isinstance(turns, str) else turns[-1]
    content = turn if isinstance(turn, str) else turn.get("content", turn.get("parts", ""))
    if isinstance(content, str):
        return content
    return " ".join(str(part.get("text", "")) for part in content)


def dialect(path: str) -> Any:  # noqa: ANN401 - two functions
    """Return what writes whole answers and streams."""
    if path.endswith("/messages"):
        return message, message_stream
    if ":" in path.rpartition("/")[2]:
        return content, content_stream
    return (response, None) if path.endswith("/responses") else (completion, completion_stream)


# --- OpenAI ----------


def completion(model: str, text: str) -> dict[str, Any]:
    """Make a chat completion."""
    said = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": said, "finish_reason": "stop", "logprobs": None}
    head = {"id": f"chatcmpl-{next(NUMBERS)}", "object": "chat.completion", "created": 1}
    return {**head, "model": model, "choices": [choice], "usage": USAGE}


def completion_stream(model: str, pieces: list[str]) -> list[bytes]:
    """Make its chunks."""
    head = {"id": f"chatcmpl-{next(NUMBERS)}", "object": "chat.completion.chunk", "created": 1}

    def chunk(delta: dict[str, str], reason: str | None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        return sse({**head, "model": model, "choices": [choice]})

    begun = chunk({"role": "assistant", "content": ""}, None)
    said = [chunk({"content": piece}, None) for piece in pieces]
    return [begun, *said, chunk({}, "stop"), b"data: [DONE]\n\n"]


def response(model: str, text: str) -> dict[str, Any]:
    """Make a response, and keep it."""
    part = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    id_ = f"resp_{next(NUMBERS)}"
    head = {"id": id_, "object": "response", "created_at": 1, "status": "completed"}
    made = {**head, "model": model, "output": [{**item, "content": [part]}]}
    STORED[id_] = json.dumps(made).encode()
    return made


# --- Anthropic ----------


def message(model: str, text: str) -> dict[str, Any]:
    """Make a message."""
    said = [{"type": "text", "text": text}] if text else []
    head = {"id": f"msg_{next(NUMBERS)}", "type": "message", "role": "assistant", "model": model}
    usage = {"input_tokens": 12, "output_tokens": 9}
    stop = {"stop_reason": "end_turn" if text else None, "stop_sequence": None}
    return {**head, "content": said, **stop, "usage": usage}


def message_stream(model: str, pieces: list[str]) -> list[bytes]:
    """Make its events."""
    empty = {"type": "text", "text": ""}
    deltas = [{"type": "text_delta", "text": piece} for piece in pieces]
    stop = {"stop_reason": "end_turn", "stop_sequence": None}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": message(model, "")},
        {"type": "content_block_start", "index": 0, "content_block": empty},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 9}},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\n".encode() + sse(event) for event in events]


# --- Google ----------


def content(model: str, text: str, reason: str | None = "STOP") -> dict[str, Any]:
    """Make an answer of Gemini's."""
    said = {"role": "model", "parts": [{"text": text}]}
    candidate = {"content": said, "index": 0, **({"finishReason": reason} if reason else {})}
    usage = {"promptTokenCount": 12, "candidatesTokenCount": 9, "totalTokenCount": 21}
    return {"candidates": [candidate], "usageMetadata": usage, "modelVersion": model}


def content_stream(model: str, pieces: list[str]) -> list[bytes]:
    """Make its pieces, which are answers too."""
    reasons = [None] * (len(pieces) - 1) + ["STOP"]
    return [sse(content(model, *each)) for each in zip(pieces, reasons, strict=True)]


def sse(event: dict[str, Any]) -> bytes:
    """Make a server-sent event."""
    return b"data: " + json.dumps(event).encode() + b"\n\n"


if __name__ == "__main__":
    ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Provider).serve_forever()
