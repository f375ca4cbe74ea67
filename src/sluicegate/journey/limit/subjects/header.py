"""`header:<name>`: by the value of a header; requests without it share one allowance.

A value may be a secret, and goes into keys of the state: what is kept is 128 bits of its BLAKE2b
hash. That hides what cannot be guessed; it is no protection for what can.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from sluicegate.exchange import Exchange

FORMS: Final = "header:<name>"
WRITTEN: Final = re.compile(r"^:([A-Za-z0-9!#$%&'*+.^_`|~-]+)$(?!\n)", re.ASCII)
DIGEST_BYTES: Final = 16


def subject(rest: str) -> Callable[[Exchange], str]:
    """Compile the name of a header (RFC 9110, section 5.1)."""
    match = WRITTEN.match(rest)
    if match is None:
        raise ValueError("write `header:` and the name of a header, such as `header:x-tenant`")
    name = match[1].lower().encode()

    def read(exchange: Exchange) -> str:
        value = exchange.request.headers.get(name)
        if value is None:
            return "-"
        return "#" + blake2b(value, digest_size=DIGEST_BYTES).hexdigest()

    return read
