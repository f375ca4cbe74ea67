from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from opentelemetry.sdk.trace.sampling import Decision, TraceIdRatioBased

from sluicegate.telemetry.trace import (
    Trace,
    bound_of,
    is_flagged,
    new_span_id,
    new_trace_id,
    parse,
    written,
)

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SPAN = "00f067aa0ba902b7"


@pytest.mark.parametrize(
    ("value", "sampled"),
    [
        (f"00-{TRACE}-{SPAN}-01", True),
        (f"00-{TRACE}-{SPAN}-00", False),
        (f"00-{TRACE}-{SPAN}-09", True),  # other bits say nothing about sampling
        (f"00-{TRACE}-{SPAN}-0a", False),
        (f"00-{TRACE}-{SPAN}-ff", True),
        (f"cc-{TRACE}-{SPAN}-01", True),
        (f"cc-{TRACE}-{SPAN}-01-what-the-future-will-be-like", True),
        (f"cc-{TRACE}-{SPAN}-00.", None),
        (f"01-{TRACE}-{SPAN}-02-", False),
    ],
)
def test_flags_are_read_as_bits_and_unknown_versions_by_what_is_known(
    value: str, *, sampled: bool | None
) -> None:
    parent = parse(value.encode())
    if sampled is None:
        assert parent is None
    else:
        assert parent is not None
        assert (parent.trace_id, parent.span_id, parent.sampled) == (TRACE, SPAN, sampled)
        assert is_flagged(value.encode()) is sampled


@pytest.mark.parametrize(
    "value",
    [
        "",
        f"00-{TRACE}-{SPAN}",
        f"00-{TRACE}-{SPAN}-1",
        f"00-{TRACE}-{SPAN}-01-",  # version 00 ends after its flags
        f"00-{TRACE}-{SPAN}-01\n",
        f" 00-{TRACE}-{SPAN}-01",
        f"ff-{TRACE}-{SPAN}-01",  # a version that is forbidden
        f"0-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE.upper()}-{SPAN}-01",
        f"00-{TRACE[:-1]}g-{SPAN}-01",
        f"00-{TRACE}-{SPAN}-0g",
        f"00_{TRACE}_{SPAN}_01",
    ],
)
def test_what_is_not_a_traceparent_is_nobodys_trace(value: str) -> None:
    assert parse(value.encode()) is None


@given(st.binary(max_size=70))
def test_no_bytes_break_the_parser(value: bytes) -> None:
    parent = parse(value)
    assert parent is None or written(parent.trace_id, parent.span_id, sampled=True)[:2] == b"00"


@given(trace=st.integers(1, 2**128 - 1), span=st.integers(1, 2**64 - 1), sampled=st.booleans())
def test_what_is_written_reads_back(trace: int, span: int, *, sampled: bool) -> None:
    parent = parse(written(f"{trace:032x}", f"{span:016x}", sampled=sampled))
    assert parent is not None
    assert (int(parent.trace_id, 16), int(parent.span_id, 16)) == (trace, span)
    assert parent.sampled is sampled


@given(st.integers(1, 2**128 - 1), st.floats(0, 1))
@example(2**64 - 1, 1.0)
@example(2**127, 0.0)
@example(2**63, 0.5)
def test_the_decision_is_that_of_the_sdks_sampler(trace: int, share: float) -> None:
    theirs = TraceIdRatioBased(share).should_sample(None, trace, "any").decision
    ours = f"{trace:032x}"[16:].encode() < bound_of(share)
    assert ours is (theirs is Decision.RECORD_AND_SAMPLE)


def test_ids_are_hex_digits_of_the_right_number() -> None:
    ids = {new_span_id() for _ in range(100)}
    assert len(ids) == 100
    assert all(len(each) == 16 and int(each, 16) for each in ids)
    assert len(new_trace_id()) == 32


def test_every_attempt_is_a_parent_of_its_own() -> None:
    trace = Trace(TRACE, SPAN, None)
    first = trace.attempt("users", "10.0.0.5:9000", 1, 5)
    second = trace.attempt("users", "10.0.0.6:9000", 2, 7)
    assert trace.attempts == [first, second]
    assert first.traceparent() == f"00-{TRACE}-{first.span_id}-01".encode()
    assert len({trace.span_id, first.span_id, second.span_id}) == 3


def test_an_attempt_ends_once() -> None:
    span = Trace(TRACE, SPAN, None).attempt("users", "10.0.0.5:9000", 1, 5)
    assert span.end_us == 0
    span.end(9, 200, None)
    span.end(11, 0, "cancelled")
    assert (span.end_us, span.status, span.error) == (9, 200, None)
