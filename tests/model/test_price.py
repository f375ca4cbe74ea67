import msgspec
import pytest

from sluicegate.model import units
from sluicegate.model.price import Price, nano_usd


def price(**amounts: object) -> Price:
    made: Price = units.convert({"input": 1, "output": 2, **amounts}, Price)
    return made


@pytest.mark.parametrize(
    ("amount", "nano"),
    [
        ("0.15", 150_000_000),
        (0.15, 150_000_000),
        (3, 3_000_000_000),
        (3.0, 3_000_000_000),
        (1e-9, 1),
        ("0.000000001", 1),
        (0, 0),
        (1_000_000.0, 10**15),
        ("1000000.000000000", 10**15),
        (123456.789012345, 123_456_789_012_345),
    ],
)
def test_dollars_are_exact_nano_dollars(amount: str | float, nano: int) -> None:
    assert nano_usd(amount) == nano


@pytest.mark.parametrize(
    "amount",
    [
        "0.0000000001", 1e-10, -1, "-1", "1e3", "1.", ".5", "", " 1", "1\n", "one",
        float("nan"), float("inf"), 1e30, 10**30, 1_000_000.5, 2_000_000,
    ],
)  # fmt: skip
def test_an_amount_that_is_not_exact_or_too_much_is_refused(amount: str | float) -> None:
    with pytest.raises(ValueError, match="expected"):
        nano_usd(amount)


def test_a_refused_price_names_its_field() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        price(cached=1e-10)

    assert caught.value.__cause__ is not None
    assert getattr(caught.value.__cause__, "part", None) == ("cached",)
    assert "at most 9 decimals" in str(caught.value)


@pytest.mark.parametrize("amount", [True, None, [1], {"usd": 1}])
def test_an_amount_is_a_number_or_decimal_text(amount: object) -> None:
    with pytest.raises(msgspec.ValidationError):
        price(input=amount)


def test_input_and_output_are_said_or_it_is_no_price() -> None:
    with pytest.raises(msgspec.ValidationError, match="output"):
        units.convert({"input": 1}, Price)


def test_what_is_not_given_has_no_price_of_its_own() -> None:
    made = price()

    assert made.cached is None
    assert made.call == 0
