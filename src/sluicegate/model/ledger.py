"""An entry of the ledger: what one exchange used and cost, or what several did in a minute.

Entries are written once and never change. Money is whole nano-USD (10**-9 of a US dollar). The
order of the fields is the wire form (a msgpack array): new ones go to the end, and the scripts of
the state know the places of those that overflow is added up by (`state/scripts/overflow.lua`).
"""

from __future__ import annotations

import msgspec


class Entry(msgspec.Struct, array_like=True, gc=False, kw_only=True):
    """One line of the ledger.

    `id` is the exchange's ticket, which no other exchange has: writing an entry twice changes
    nothing. `at_us` is when the exchange was admitted (by the state's clock where that counts it),
    UTC microseconds since 1970: the period whose budgets it is charged to. `cost` is None where
    nobody knows a price. `estimated`: tokens were counted from bytes, because the provider did not
    say. `unsettled`: the process that served it is gone, and what was reserved stands for it.
    `requests` is 1, or how many exchanges a total of a minute stands for.
    `key` is the public id of the key. `input` holds `cached` and `cache_write`, `output` holds
    `reasoning`; audio and image tokens are parts of `input` and `output` too.
    """

    id: str
    at_us: int = 0
    requests: int = 1
    consumer: str | None = None
    team: str | None = None
    key: str | None = None
    plan: str | None = None
    route: str | None = None
    model: str | None = None
    provider: str | None = None
    deployment: str | None = None
    cost: int | None = 0
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
    unsettled: bool = False
    from_cache: bool = False
    stream: bool = False
    status: int = 0
    failure: str | None = None
    attempts: int = 0
    endpoint: str | None = None
    asked: str | None = None
    duration_us: int = 0
    first_token_us: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    region: str = ""
    request_id: str = ""


class BudgetWanted(msgspec.Struct, frozen=True):
    """A budget whose counts the state does not have: `place` and `subject` are those of the counts.

    `limits` are label, nano-USD and period of each; `where` says which entries count: fields of
    `Entry` and their values, all of which must be equal (None: there is none).
    """

    place: str
    subject: str
    limits: tuple[tuple[str, int, str], ...]
    where: dict[str, str | None]
