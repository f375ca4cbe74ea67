"""What a deployment's tokens cost, as operators write it: US dollars per million tokens.

Amounts are decimal text or numbers, and exact: whole nano-USD (10**-9), or refused. A number of
YAML or JSON is a float; one of up to 15 digits is what was written, and more are not allowed here.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Annotated, Final

from msgspec import Meta

from sluicegate.model.resource import FieldFault, Resource

NANO: Final = 10**9
"""Nano-USD of a US dollar."""
MOST_USD: Final = 1_000_000
"""Of a million tokens, or of a call. The dearest price of genai-prices 0.2.3 is 600."""
AMOUNT_PATTERN: Final = r"^[0-9]{1,7}(\.[0-9]{1,9})?$(?!\n)"

Usd = (
    Annotated[
        str,
        Meta(
            pattern=AMOUNT_PATTERN,
            extra={"expected": "US dollars with at most 9 decimals, such as `0.15`"},
        ),
    ]
    | int
    | float
)


def nano_usd(amount: str | float) -> int:
    """Return US dollars as nano-USD. Raises ValueError where that is not exact, or too much."""
    # `repr` of a float is the shortest text that reads back as it: what was written.
    written = amount if isinstance(amount, str) else format(Decimal(repr(amount)), "f")
    if isinstance(amount, float) and written.endswith(".0"):
        written = written[:-2]
    if re.search(AMOUNT_PATTERN, written) is None:
        raise ValueError("expected US dollars from 0 up, with at most 9 decimals, such as `0.15`")
    nano = int(Decimal(written) * NANO)
    if nano > MOST_USD * NANO:
        raise ValueError(f"expected at most {MOST_USD} US dollars")
    return nano


class Price(Resource, frozen=True, kw_only=True):
    """US dollars per million tokens; what is not given costs as what it is a part of.

    It stands in place of all that is known of the model's price otherwise.
    """

    input: Annotated[Usd, Meta(description="Tokens that the model reads.", examples=["0.15"])]
    output: Annotated[
        Usd, Meta(description="Tokens that it writes; `0` for embeddings.", examples=["0.6"])
    ]
    cached: Annotated[
        Usd | None, Meta(description="Input read from the provider's cache; else as `input`.")
    ] = None
    cache_write: Annotated[
        Usd | None, Meta(description="Input written to its cache; else as `input`.")
    ] = None
    cache_write_1h: Annotated[
        Usd | None, Meta(description="That which is kept for an hour; else as `cache_write`.")
    ] = None
    reasoning: Annotated[Usd | None, Meta(description="Thinking; else as `output`.")] = None
    audio_input: Annotated[Usd | None, Meta(description="Sound read; else as `input`.")] = None
    audio_output: Annotated[Usd | None, Meta(description="Sound made; else as `output`.")] = None
    image_input: Annotated[Usd | None, Meta(description="Images read; else as `input`.")] = None
    image_output: Annotated[Usd | None, Meta(description="Images made; else as `output`.")] = None
    call: Annotated[Usd, Meta(description="US dollars of one call, beside its tokens.")] = 0

    def __post_init__(self) -> None:
        """Refuse an amount that is not exact."""
        for name in self.__struct_fields__:
            amount = getattr(self, name)
            if amount is None:
                continue
            try:
                nano_usd(amount)
            except ValueError as error:
                raise FieldFault((name,), f"found {amount!r}; {error}") from None
