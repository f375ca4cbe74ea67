"""Amounts of what limits count: as operators write them, as targets tell them, as they are counted.

Counted are whole numbers: requests, bytes, tokens, and nano-USD (10**-9 of a US dollar), so that
money is never a float.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Literal

from sluicegate.model.units import BYTES, Size

Unit = Literal["requests", "bytes", "tokens", "usd"]

NANO = 10**9
MOST = 10**12
MOST_NANO = 10**15 - 1
"""The largest whole number of a structured field (RFC 9651, section 3.3.1): 999 999.99 dollars."""
WHOLE = re.compile(r"^-?[0-9]{1,30}$(?!\n)", re.ASCII)
MONEY = re.compile(r"^(-?[0-9]{1,20})(\.[0-9]{1,30})?$(?!\n)", re.ASCII)
TOLD = re.compile(r"^([0-9]+)(?:\.([0-9]+))?$(?!\n)", re.ASCII)
EXPECTED = {
    "requests": "a whole number such as `10`",
    "bytes": "a size such as `512`, `64KiB` or `10MB`",
    "tokens": "a whole number such as `1000`",
    "usd": "dollars such as `0.25`",
}


def read(text: str, unit: str) -> int:
    """Read a written amount; it may be 0 or less. Raises ValueError that says what to write."""
    if unit == "bytes":
        amount = _size(text)
    elif unit == "usd":
        amount = _money(text)
    else:
        if WHOLE.match(text) is None:
            raise ValueError(_wrong(text, unit))
        amount = int(text)
    most = MOST_NANO if unit == "usd" else MOST
    if amount > most:
        raise ValueError(f"`{text}` is more than can be counted: write at most {write(most, unit)}")
    return amount


def write(amount: int, unit: str) -> str:
    """Give the shortest written form that reads back as the same amount."""
    if unit == "bytes":
        return Size(amount).written()
    if unit == "usd":
        whole, nano = divmod(amount, NANO)
        return f"{whole}.{nano:09}".rstrip("0").rstrip(".")
    return str(amount)


def plain(value: float | str) -> str:
    """Write a number as YAML gave it the way operators write amounts: 1e-06 as 0.000001."""
    return value if isinstance(value, str) else format(Decimal(repr(value)), "f")


def told(text: str, unit: str) -> int | None:
    """Read what a target says that a request cost, rounded up; None for what is no amount.

    What is more than can be counted is the most that can.
    """
    match = TOLD.match(text)
    if match is None or (match[2] and unit != "usd"):
        return None
    most = MOST_NANO if unit == "usd" else MOST
    whole, parts = match[1].lstrip("0"), match[2] or ""
    if len(whole) > len(str(most)):  # Python reads no number of thousands of digits
        return most
    amount = int(whole or 0)
    if unit == "usd":
        amount = amount * NANO + int(parts[:9].ljust(9, "0")) + bool(parts[9:].strip("0"))
    return min(amount, most)


def _size(text: str) -> int:
    if WHOLE.match(text):
        return int(text)
    try:
        return int(Size.parse(text))  # a plain one: it goes into messages to the state
    except ValueError as error:
        raise ValueError(_wrong(text, "bytes")) from error


def _money(text: str) -> int:
    match = MONEY.match(text)
    if match is None:
        raise ValueError(_wrong(text, "usd"))
    nano = Decimal(text) * NANO
    if nano != int(nano):
        raise ValueError(f"`{text}`: money is counted in nano-USD: write at most nine decimals")
    return int(nano)


def _wrong(text: str, unit: str) -> str:
    hint = ""
    if unit != "usd" and MONEY.match(text):
        hint = ", or `unit: usd` beside it"
    elif unit != "bytes" and any(text.endswith(end) for end in BYTES if end):
        hint = ", or `unit: bytes` beside it"
    return f"`{text}` is no amount of {unit}: write {EXPECTED[unit]}{hint}"
