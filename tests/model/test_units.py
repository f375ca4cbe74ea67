from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sluicegate.model.units import (
    MAX_BYTES,
    MAX_US,
    Duration,
    Size,
    convert,
    decode_hook,
    encode_hook,
    schema_hook,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        (0, 0),
        ("250ms", 0.25),
        ("1.5s", 1.5),
        ("75s", 75),
        ("2m", 120),
        ("1h", 3600),
        ("7d", 604_800),
        ("10us", 0.00001),
        ("0.29s", 0.29),
        ("0s", 0),
    ],
)
def test_a_duration_is_read_in_its_unit(text: object, seconds: float) -> None:
    assert Duration.parse(text) == seconds


@pytest.mark.parametrize(
    "text",
    [
        *("10", 10, 1.5, "-1s", "1e3s", "1 s", "s", "", "1s\n", "1.s", ".5s", "inf", "nan"),
        *("\u0661s", True, "1w", None, []),
    ],
)
def test_a_duration_without_unit_or_sense_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a duration"):
        Duration.parse(text)


def test_absurd_values_are_refused_in_a_few_words() -> None:
    for kind in (Duration, Size):
        for absurd in (10**5000, "9" * 5000 + "s"):
            with pytest.raises(ValueError, match="expected a") as caught:
                kind.parse(absurd)
            assert len(str(caught.value)) < 200


def test_a_duration_of_more_than_ten_years_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at most 3650d"):
        Duration.parse("3651d")


def test_a_part_of_a_microsecond_is_refused() -> None:
    with pytest.raises(ValueError, match="whole microseconds"):
        Duration.parse("0.0000001s")


@given(st.integers(0, MAX_US))
def test_a_duration_reads_back_as_it_was_written(microseconds: int) -> None:
    duration = Duration(microseconds / 10**6)
    assert Duration.parse(str(duration)) == duration


@given(st.integers(0, 87_599), st.integers(0, 999), st.sampled_from(["ms", "s", "m", "h"]))
def test_a_fraction_of_a_unit_survives_writing(whole: int, part: int, unit: str) -> None:
    duration = Duration.parse(f"{whole}.{part:03d}{unit}")
    assert Duration.parse(str(duration)) == duration


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "0"), (75, "75s"), (60, "1m"), (1.5, "1500ms"), (86400, "1d"), (0.00002, "20us")],
)
def test_a_duration_is_written_in_the_largest_whole_unit(seconds: float, text: str) -> None:
    assert str(Duration(seconds)) == text


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("0", 0),
        (512, 512),
        ("512B", 512),
        ("1 KiB", 1024),
        ("64KiB", 65536),
        ("10MB", 10_000_000),
        ("1GiB", 2**30),
        ("2GB", 2 * 10**9),
        ("3 KB", 3000),
        ("1MiB", 2**20),
    ],
)
def test_a_size_is_read_in_its_unit(text: object, count: int) -> None:
    assert Size.parse(text) == count


@pytest.mark.parametrize(
    "text", ["-1", -1, "1.5MB", 1.5, "1kb", "1  KB", "", "B", "1\n", True, None, "1" * 30, 2**61]
)
def test_a_size_that_is_no_number_of_bytes_is_refused(text: object) -> None:
    with pytest.raises(ValueError, match="expected a size"):
        Size.parse(text)


def test_a_size_beyond_any_machine_is_refused() -> None:
    with pytest.raises(ValueError, match="expected at most 1073741824GiB"):
        Size.parse("9999999999GiB")


@given(st.integers(0, MAX_BYTES))
def test_a_size_reads_back_as_it_was_written(count: int) -> None:
    assert Size.parse(Size(count).written()) == count


@given(st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none()))
def test_nothing_but_a_value_error_comes_of_bad_input(value: object) -> None:
    for kind in (Duration, Size):
        said = ""
        try:
            kind.parse(value)
        except ValueError as error:
            said = str(error)
        assert "expected" in said or value == 0 or isinstance(value, int | str)


class _Both(msgspec.Struct):
    wait: Duration
    size: Size


def test_structs_hold_durations_and_sizes_and_travel_as_msgpack() -> None:
    both = convert({"wait": "1.5s", "size": "2KiB"}, _Both)
    assert (both.wait, both.size) == (1.5, 2048)
    raw = msgspec.msgpack.encode(both, enc_hook=encode_hook)
    assert msgspec.msgpack.decode(raw, type=_Both, dec_hook=decode_hook) == both


def test_a_wrong_duration_in_a_struct_is_a_validation_error_with_its_place() -> None:
    with pytest.raises(msgspec.ValidationError, match=r"expected a duration .* at `\$.wait`"):
        convert({"wait": 3, "size": 1}, _Both)


@pytest.mark.parametrize("hook", [schema_hook, lambda kind: decode_hook(kind, 1)])
def test_the_hooks_know_no_other_type(hook: object) -> None:
    with pytest.raises(NotImplementedError):
        hook(complex)  # type: ignore[operator]
    with pytest.raises(NotImplementedError):
        encode_hook(1j)
