"""The parts of a stream that is read: which have begun, and what their end still has to say."""

from __future__ import annotations

from collections.abc import Hashable

from sluicegate.llm.canonical import (
    Cited,
    Delta,
    Event,
    Opaque,
    Part,
    PartBegun,
    PartEnded,
    Refusal,
    Signature,
    Signed,
    Text,
    Thinking,
    ToolCall,
)


class OpenItem:
    """An item of a stream. `known`: numbers of its parts, in their order, by what events call them.

    `silent` are parts of which nothing has come yet but that they are there.
    """

    __slots__ = ("cited", "done", "has_logprobs", "id", "known", "open", "signed", "silent")

    def __init__(self) -> None:
        """Nothing of it is known."""
        self.id = ""
        self.known: dict[Hashable, int] = {}
        self.silent: set[int] = set()
        self.cited: dict[int, int] = {}
        self.signed: set[int] = set()
        self.open: int | None = None
        self.has_logprobs = False
        self.done = False


class OpenParts:
    """Numbers the parts of an answer as they begin. `begun`: what they are, without contents."""

    __slots__ = ("begun", "items")

    def __init__(self) -> None:
        """None has begun."""
        self.begun: list[Part] = []
        self.items: dict[int, OpenItem] = {}

    def item(self, index: int) -> OpenItem:
        """Return an item, known or new."""
        item = self.items.get(index)
        if item is None:
            item = self.items[index] = OpenItem()
        return item

    def part(self, item: OpenItem, key: Hashable, part: Part, found: list[Event]) -> int:
        """Return the number of a part. One that is new begins, and ends the one before it."""
        number = item.known.get(key)
        if number is None:
            if item.open is not None:
                found.append(PartEnded(0, item.open))
            number = item.known[key] = item.open = len(self.begun)
            empty = empty_of(part)
            self.begun.append(empty)
            item.silent.add(number)
            found.append(PartBegun(0, number, empty))
        return number

    def settle(self, item: OpenItem, number: int, part: Part, found: list[Event]) -> None:
        """Say what a whole part holds and its events did not."""
        if number in item.silent:
            item.silent.discard(number)
            if text := _text_of(part):
                found.append(Delta(0, number, text))
        if isinstance(part, Text):
            citations = part.citations or []
            found += [Cited(0, number, one) for one in citations[item.cited.get(number, 0) :]]
            item.cited[number] = max(item.cited.get(number, 0), len(citations))
        signature = _signature_of(part)
        if signature is not None and number not in item.signed:
            item.signed.add(number)
            found.append(Signed(0, number, signature))

    def finish(self, item: OpenItem, parts: list[Part], found: list[Event]) -> None:
        """Say what a whole item holds and its events did not, and end it."""
        known = list(item.known.values())
        for index, part in enumerate(parts):
            if index < len(known):
                number = known[index]
            else:
                number = self.part(item, ("late", index), part, found)
            self.settle(item, number, part, found)
        if item.open is not None:
            found.append(PartEnded(0, item.open))
        item.done = True


def empty_of(part: Part) -> Text | Thinking | ToolCall | Refusal | Opaque:
    """Return what a part is before its contents come."""
    if isinstance(part, Thinking):
        return Thinking(id=part.id, summary=part.summary, redacted=part.redacted)
    if isinstance(part, ToolCall):
        return ToolCall(id=part.id, name=part.name, arguments="", custom=part.custom)
    if isinstance(part, Opaque):
        return part
    return Refusal(text="") if isinstance(part, Refusal) else Text(text="")


def _text_of(part: Part) -> str:
    if isinstance(part, ToolCall):
        return part.arguments
    return part.text if isinstance(part, Text | Thinking | Refusal) else ""


def _signature_of(part: Part) -> Signature | None:
    return part.signature if isinstance(part, Text | Thinking | ToolCall) else None
