r"""The commands that RedisState sends, made of bytes that are prepared once per group.

The wire form of each script is the comment at the top of its file in `state/scripts/`. Keys are
`<namespace>:{<subject>}<place>`, so that all that is counted for a subject is in one hash slot; of
budgets, `<namespace>:{ledger}<place>\x1f<subject>`, beside the ledger's lines.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import msgspec

from sluicegate.state.contract import LEDGER, MOST_LINES
from sluicegate.state.redis.resp import bulk

if TYPE_CHECKING:
    from sluicegate.state.contract import Ask, Group
    from sluicegate.state.redis.scripts import Script

SHADOW, SETTLES, GIVES_BACK = 1, 2, 4
"""Flags of a spec."""
SETTLED_WITHIN_MS: Final = 3_600_000
"""How long the record of a reserved cost is kept: an hour, the longest that exchanges last."""
GIVEN_BACK_WITHIN_MS: Final = 2000
"""How long one is kept, at least, that is only there for the case that another server refuses."""
NOTHING: Final = b"$0\r\n\r\n"
"""An empty argument; as a time, the server's own."""
LEDGER_TAG: Final = LEDGER.encode()
MOST_PREPARED: Final = 65_536
"""Groups whose bytes are kept, about 1 KiB each; reloads leave old ones behind. Where more are in
use than that, each is prepared again and again, which takes fifty times as long as finding it."""


class Prepared:
    """What the commands for one group have in common. Immutable."""

    __slots__ = (
        "before", "limits", "place", "recorded", "rest", "size", "spec", "spends", "start", "tail",
    )  # fmt: skip

    def __init__(self, group: Group, namespace: str, take: Script) -> None:
        """Write everything that does not depend on the request."""
        limits = [
            [limit.label, limit.algorithm.code, *limit.algorithm.numbers] for limit in group.limits
        ]
        settles = group.settles and not group.spends
        flags = (SHADOW if group.shadow else 0) | (SETTLES if settles else 0)
        self.spends = group.spends
        self.spec = bulk(msgspec.msgpack.encode([flags, *limits]))
        # Of budgets there is a record of its own anyway.
        recorded = flags if group.spends else flags | GIVES_BACK
        self.recorded = bulk(msgspec.msgpack.encode([recorded, *limits]))
        self.limits: list[int] = [limit.algorithm.limit for limit in group.limits]
        self.before = f"{namespace}:{{".encode()
        # Slots are kept beside counts; named whole, because a cluster looks for the keys of a call.
        self.place = b"}" + group.place.encode() + (b":s" if group.slots else b"")
        # Of the shortest way: one group, no ticket, and a cost of 1.
        self.start = b"*9\r\n" + evalsha(take) + b"$1\r\n1\r\n$"
        self.size = len(self.before) + len(self.place)
        self.rest = b"\r\n" + self.before
        self.tail = self.place + b"\r\n" + NOTHING + NOTHING + number(0) + self.spec + number(1)

    def take_one(self, tag: bytes) -> bytes:
        """Write the take of one unit, without a ticket."""
        size = b"%d" % (self.size + len(tag))
        return b"".join((self.start, size, self.rest, tag, self.tail))

    def key(self, tag: bytes) -> bytes:
        """Return the key of a subject's counts."""
        return b"".join((self.before, tag, self.place))

    def key_of(self, subject: str) -> bytes:
        """Return the same for a subject as it is, and for one of a budget."""
        if self.spends:
            own = subject.encode("utf-8", "surrogateescape")
            return b"".join((self.key(LEDGER_TAG), b"\x1f", own))
        return self.key(tag_of(subject))


class Part:
    """The asks of one call: those whose subjects are in one hash slot, or all of them.

    `places` are those of the asks among all asks.
    """

    __slots__ = ("asks", "costs", "places", "tag")

    def __init__(self, tag: bytes) -> None:
        """Begin with no asks. `tag` says who keeps them."""
        self.tag = tag
        self.asks: list[Ask] = []
        self.costs: list[int] = []
        self.places: list[int] = []

    def add(self, place: int, ask: Ask, cost: int) -> None:
        """Add an ask."""
        self.places.append(place)
        self.asks.append(ask)
        self.costs.append(cost)

    @property
    def has_tickets(self) -> bool:
        """Whether there is something to settle."""
        for ask in self.asks:
            group = ask.group
            if group.settles or group.slots or group.spends:
                return True
        return False

    @property
    def spends(self) -> bool:
        """Whether there are budgets."""
        for ask in self.asks:  # noqa: SIM110 - a generator costs more, for every call
            if ask.group.spends:
                return True
        return False


class Commands:
    """Writes commands."""

    __slots__ = ("_groups", "_lines", "_most_lines", "_namespace", "_take", "_undone_ms")

    def __init__(
        self,
        namespace: str,
        take: Script,
        undone_ms: int = GIVEN_BACK_WITHIN_MS,
        most_lines: int = MOST_LINES,
    ) -> None:
        """Write keys that begin with `namespace`.

        `undone_ms` is how long a take can be given back that keeps a record for nothing else, and
        `most_lines` how many lines of the ledger may wait.
        """
        self._lines = f"{namespace}:{{{LEDGER}}}lines".encode()
        self._most_lines = number(most_lines)
        self._namespace = namespace
        self._take = take
        self._undone_ms = undone_ms
        self._groups: dict[Group, Prepared] = {}

    def of(self, group: Group) -> Prepared:
        """Return what is prepared for a group."""
        found = self._groups.get(group)
        if found is None:
            if len(self._groups) >= MOST_PREPARED:
                self._groups.clear()
            found = self._groups[group] = Prepared(group, self._namespace, self._take)
        return found

    def take(
        self,
        part: Part,
        ticket: str,
        entry: bytes = b"",
        life_ms: int = 0,
        *,
        recorded: bool = False,
    ) -> bytes:
        """Write a take; `recorded`: so that it can be settled whatever its groups are."""
        settles = False
        for ask in part.asks:
            settles = settles or ask.group.settles
        expire_ms = SETTLED_WITHIN_MS if settles else self._undone_ms if recorded else 0
        more = [bulk(entry), number(life_ms), self._most_lines] if part.spends else []
        return self._for_each(self._take, part, ticket, expire_ms, more, recorded=recorded)

    def settle(
        self, script: Script, part: Part, ticket: str, entry: bytes = b"", cost: int | None = None
    ) -> bytes:
        """Write what the asks cost in the end, and the line that goes with it."""
        more: list[bytes] = []
        if entry or part.spends:
            more = [bulk(entry), priced(cost), self._most_lines]
        return self._for_each(script, part, ticket, 0, more, recorded=False)

    def append(self, script: Script, lines: Sequence[tuple[int | None, bytes]]) -> bytes:
        """Write lines of the ledger."""
        arguments = [NOTHING, self._most_lines]
        for cost, entry in lines:
            arguments += [priced(cost), bulk(entry)]
        return call(script, [self._lines], arguments)

    def refresh(self, script: Script, held: Sequence[tuple[Ask, str]]) -> bytes:
        """Write which slots and reservations are held."""
        keys: list[bytes] = []
        arguments = [NOTHING, NOTHING, number(0)]
        spends = False
        for ask, ticket in held:
            prepared = self.of(ask.group)
            spends = spends or prepared.spends
            keys.append(prepared.key_of(ask.subject))
            arguments += [prepared.spec, bulk(ticket.encode())]
        if spends:
            keys.append(self._lines)
        return call(script, keys, arguments)

    def block(self, script: Script, ask: Ask, block: str, units: Sequence[int]) -> bytes:
        """Write what is asked of a block, or given back of it."""
        prepared = self.of(ask.group)
        arguments = [NOTHING, bulk(block.encode()), number(0), prepared.spec]
        arguments += [number(each) for each in units]
        return call(script, [prepared.key(tag_of(ask.subject))], arguments)

    def present(self, script: Script, tag: bytes, worker: str) -> bytes:
        """Write that a worker is alive. The key has no place, so it is no limit's."""
        key = b"%b:{%b}" % (self._namespace.encode(), tag)
        return call(script, [key], [NOTHING, bulk(worker.encode())])

    def mark(self, script: Script, tag: bytes, lives_ms: Mapping[str, int]) -> bytes:
        """Write which names are marked, for how long. The key has no place, so it is no limit's."""
        key = b"%b:{%b}" % (self._namespace.encode(), tag)
        arguments = [NOTHING]
        for name, life_ms in lives_ms.items():
            arguments += [bulk(name.encode()), number(life_ms)]
        return call(script, [key], arguments)

    def marks(self, script: Script, tag: bytes, names: Sequence[str]) -> bytes:
        """Write which names are asked for."""
        key = b"%b:{%b}" % (self._namespace.encode(), tag)
        return call(script, [key], [NOTHING, *(bulk(name.encode()) for name in names)])

    def _for_each(
        self,
        script: Script,
        part: Part,
        ticket: str,
        expire_ms: int,
        more: list[bytes],
        *,
        recorded: bool,
    ) -> bytes:
        """Write a call with a key and two arguments for each ask; `more` is of the ledger."""
        keys: list[bytes] = []
        arguments = [NOTHING, bulk(ticket.encode()), number(expire_ms)]
        for ask, cost in zip(part.asks, part.costs, strict=True):
            prepared = self.of(ask.group)
            keys.append(prepared.key_of(ask.subject))
            arguments += [prepared.recorded if recorded else prepared.spec, number(cost)]
        if more:
            keys.append(self._lines)
            arguments += more
        return call(script, keys, arguments)


def evalsha(script: Script) -> bytes:
    """Write the first two arguments of a call by digest."""
    return b"$7\r\nEVALSHA\r\n" + bulk(script.sha)


def with_source(command: bytes, script: Script) -> bytes:
    """Return a call by digest as one that brings the script."""
    return command.replace(evalsha(script), b"$4\r\nEVAL\r\n" + bulk(script.source), 1)


def call(script: Script, keys: Sequence[bytes], arguments: Sequence[bytes]) -> bytes:
    """Write a call by digest. `arguments` are written already, `keys` are not."""
    count = 3 + len(keys) + len(arguments)
    start = [b"*%d\r\n" % count, evalsha(script), number(len(keys))]
    return b"".join(start + [bulk(key) for key in keys] + list(arguments))


def tag_of(subject: str) -> bytes:
    """Return the subject as it stands between the braces of a key.

    A brace would end the hash tag early, and an empty tag would be none.
    """
    if not subject or "}" in subject or "%" in subject:
        subject = subject.replace("%", "%25").replace("}", "%7D") or "%"
    return subject.encode("utf-8", "surrogateescape")


def part_tag(ask: Ask) -> bytes:
    """Return the hash tag that an ask is counted under, on several servers."""
    return LEDGER_TAG if ask.group.spends else tag_of(ask.subject)


def priced(cost: int | None) -> bytes:
    """Write nano-USD as an argument; it is empty where nobody knows them."""
    return NOTHING if cost is None else number(cost)


def number(value: int) -> bytes:
    """Write a whole number as an argument."""
    return bulk(b"%d" % value)
