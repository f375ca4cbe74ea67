"""Where in a configuration something stands, and how that is written.

A place is the steps from the root: keys and list positions. It is written dotted, with positions in
brackets, and with quotes around a key that would be unclear: `routes.users.policies[0].cors`,
`routes["/a.b"].match`.
"""

from __future__ import annotations

import json
import re

Place = tuple[str | int, ...]

_PLAIN = re.compile(r"[^.\[\]\"\s]+\Z")
_STEP = re.compile(
    r"\[(?P<position>[0-9]+)\]|\[(?P<quoted>\"(?:[^\"\\]|\\.)*\")\]|\.?(?P<key>[^.\[\]\"\s]+)"
)


def written(place: Place) -> str:
    """Write a place down; the root is empty."""
    text = ""
    for step in place:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _PLAIN.match(step):
            text += f".{step}" if text else step
        else:
            text += f"[{json.dumps(step, ensure_ascii=False)}]"
    return text


def place_of(text: str) -> Place:
    """Read what `written` wrote; of any other text, as much of its beginning as makes sense."""
    steps: list[str | int] = []
    at = 0
    while found := _STEP.match(text, at):
        at = found.end()
        if found["position"] is not None:
            steps.append(int(found["position"]))
        else:
            steps.append(found["key"] or json.loads(found["quoted"]))
    return tuple(steps)
