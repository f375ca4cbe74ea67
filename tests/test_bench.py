"""The bench reads its tools rightly, and runs."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from support.ports import Ports

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def bench_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


WRK = """Running 3s test @ http://127.0.0.1:8080/bench
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     2.91ms    1.01ms  21.45ms   83.10%
  Latency Distribution
     50%    2.85ms
     75%  980.00us
     90%    3.60ms
     99%    1.20s
  66834 requests in 3.10s, 81.13MB read
  Socket errors: connect 0, read 2, write 1, timeout 0
  Non-2xx or 3xx responses: 4
Requests/sec:  22272.35
"""


def test_the_report_of_the_load_generator_is_read() -> None:
    from bench import load  # noqa: PLC0415 - see bench_is_importable

    seen = load.parse(WRK)
    assert (seen.requests, seen.seconds, seen.p50_ms, seen.p99_ms) == (66834, 3.1, 2.85, 1200)
    assert seen.failed == 7


def test_a_report_without_a_total_is_refused_with_its_text() -> None:
    from bench import load  # noqa: PLC0415 - same

    with pytest.raises(RuntimeError, match="unable to connect"):
        load.parse("unable to connect to 127.0.0.1:1 Connection refused")


def test_ratios_are_of_medians_and_only_to_peers_that_were_measured() -> None:
    from bench import cost  # noqa: PLC0415 - same

    rows = [cost.Row("nginx proxy_pass", [9.0, 10.0, 50.0]), cost.Row("Sluicegate bare", [25.0])]
    assert cost.ratios(rows)["Sluicegate bare"] == {"nginx": 2.5}


def test_a_bound_that_is_not_kept_is_marked_in_the_table() -> None:
    from bench.report import Figure, figure_table  # noqa: PLC0415 - same

    lines = figure_table([Figure("a", 70, "MB", 70), Figure("b", 71, "MB", 70)]).splitlines()
    assert "✗" not in lines[2]
    assert "71.0 MB ✗" in lines[3]
    assert len({len(line) for line in lines}) == 1


def test_the_document_shows_what_was_printed_last(tmp_path: Path) -> None:
    from bench import report  # noqa: PLC0415 - same

    file = tmp_path / "performance.md"
    file.write_text(report.DOCUMENT.read_text())
    for printed in ("first table", "second table"):
        report.document(printed, file)
    text = file.read_text()
    assert text.count("table\n") == 1
    assert "second table" in text
    assert text.startswith(report.DOCUMENT.read_text().partition(report.BEGIN)[0])


def test_what_has_everything_on_is_compared_with_the_same_without() -> None:
    from bench import cost  # noqa: PLC0415 - same

    pairs = [("governed", 50.0), ("governed + all", 54.0)]
    rows = [
        cost.Row(f"Sluicegate {name}{kind}", [us * factor])
        for kind, factor in (("", 1), (cost.PURE, 2))
        for name, us in pairs
    ]
    found = cost.ratios(rows)
    assert found["Sluicegate governed + all"] == {"governed": 1.08}
    assert found[f"Sluicegate governed + all{cost.PURE}"] == {"governed": 1.08}
    assert found["Sluicegate governed"] == {}


def test_a_percentile_is_a_time_that_occurred() -> None:
    from bench.open_loop import percentile  # noqa: PLC0415 - same

    times = [float(each) for each in range(100, 0, -1)]
    assert [percentile(times, percent) for percent in (0, 50, 99, 100)] == [1, 50, 99, 100]
    assert percentile([7.0], 99) == 7
    assert math.isnan(percentile([], 99))


def test_arrivals_come_as_often_as_was_asked_and_the_same_each_time() -> None:
    from bench.open_loop import arrivals  # noqa: PLC0415 - same

    plan = arrivals(200, 50, Random(3), critical=0.2)
    assert plan == arrivals(200, 50, Random(3), critical=0.2)
    assert len(plan) == pytest.approx(10_000, rel=0.05)
    assert sum(each.critical for each in plan) == pytest.approx(2000, rel=0.1)
    times = [each.due_s for each in plan]
    assert times == sorted(times)
    assert 0 < times[0] < times[-1] < 50


def test_a_time_counts_from_when_the_request_was_due_however_late_it_was_sent() -> None:
    from bench.open_loop import Answer, Arrival, Ledger  # noqa: PLC0415 - same

    ledger = Ledger(began=100.0)
    # All of them are sent and answered at once, after the loop was held up for two seconds.
    for arrival in (Arrival(0.0), Arrival(0.5, critical=True), Arrival(1.5)):
        ledger.settle(arrival, 200, now=102.0)
    assert ledger.answers == [Answer(2.0, 200), Answer(1.5, 200, critical=True), Answer(0.5, 200)]


class Peer(asyncio.Protocol):
    """A server that calls `asked` with each connection that has sent a head."""

    transport: asyncio.Transport

    def __init__(self, asked: Callable[[asyncio.Transport], None]) -> None:
        self.asked = asked

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        assert data.endswith(b"\r\n\r\n")
        self.asked(self.transport)


async def statuses_from(asked: Callable[[asyncio.Transport], None], count: int) -> list[int]:
    from bench.open_loop import Arrival, OpenLoop  # noqa: PLC0415 - see bench_is_importable

    loop = asyncio.get_running_loop()
    async with await loop.create_server(lambda: Peer(asked), "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        answers = await OpenLoop(port, [Arrival(0.0)] * count).run()
    return sorted(each.status for each in answers)


def test_each_request_of_an_open_loop_is_sent_though_none_is_answered() -> None:
    waiting: list[asyncio.Transport] = []

    def asked(transport: asyncio.Transport) -> None:
        waiting.append(transport)
        if len(waiting) == 3:  # all of them are here at a time
            for each, status in zip(waiting, (503, 200, 200), strict=True):
                each.write(b"HTTP/1.1 %d X\r\ncontent-length: 2\r\n\r\nok" % status)

    assert asyncio.run(statuses_from(asked, 3)) == [200, 200, 503]


def test_a_connection_that_ends_without_an_answer_is_a_failure() -> None:
    assert asyncio.run(statuses_from(asyncio.Transport.close, 2)) == [0, 0]


def test_a_request_that_cannot_be_sent_is_a_failure() -> None:
    from bench import open_loop  # noqa: PLC0415 - same

    answers = open_loop.run(Ports().free(), [open_loop.Arrival(0.0)])
    assert [each.status for each in answers] == [0]


def test_the_figures_of_an_overload_tell_good_late_and_refused_answers_apart() -> None:
    from bench.open_loop import Answer  # noqa: PLC0415 - same
    from bench.resilience import overload_figures  # noqa: PLC0415 - same

    good = [Answer(0.2, 200), Answer(0.3, 200, critical=True), Answer(0.4, 200)]
    late = [Answer(3.0, 200, critical=True)]
    refused = [Answer(0.01, 503), Answer(0.02, 503, critical=True), Answer(0.01, 503)]
    seen = overload_figures([*good, *late, *refused, Answer(9.0, 0)], 2.0)
    assert seen["good"] == 1.5
    assert (seen["p99"], seen["shed_p99"]) == (3000, 20)
    assert (seen["shed"], seen["failed"]) == (37.5, 12.5)
    assert seen["critical"] == seen["critical_good"] == pytest.approx(100 / 3)


def test_a_ratio_that_is_not_as_it_must_be_is_marked() -> None:
    from bench.report import Pair, pair_table  # noqa: PLC0415 - same

    nothing = float("nan")
    pairs = [
        Pair("p99", "ms", 200.0, 50.0, bound=0.5),
        Pair("p99", "ms", 200.0, 150.0, bound=0.5),
        Pair("goodput", "/s", 50.0, 300.0, at_least=1.0),
        Pair("goodput", "/s", 50.0, 49.0, at_least=1.0),
        Pair("p99 of the 503s", "ms", nothing, 3.0),
        Pair("not measured", "ms", nothing, nothing, bound=0.5),
        Pair("none before", "%", 0.0, 40.0),
    ]
    assert [pair.holds for pair in pairs] == [True, False, True, False, True, False, True]
    lines = pair_table(pairs).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[2:-1]] for line in lines[2:]]
    assert cells == [
        ["200.0 ms", "50.0 ms", "0.25", "≤ 0.5"],
        ["200.0 ms", "150.0 ms", "0.75 ✗", "≤ 0.5"],
        ["50.0 /s", "300.0 /s", "6.00", "≥ 1"],
        ["50.0 /s", "49.0 /s", "0.98 ✗", "≥ 1"],
        ["-", "3.0 ms", "-", ""],
        ["-", "-", "- ✗", "≤ 0.5"],
        ["0.0 %", "40.0 %", "-", ""],
    ]
    assert len({len(line) for line in lines}) == 1


def test_a_result_is_kept_as_json_whatever_could_not_be_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench import report  # noqa: PLC0415 - same

    monkeypatch.setattr(report, "RESULTS", tmp_path / "results")
    pairs = [report.Pair("a", "ms", float("nan"), 3.0), report.Pair("b", "/s", 2.0, 3.0)]
    file = report.write(report.Results(pairs=pairs), {})
    kept = json.loads(file.read_text(), parse_constant=pytest.fail)["resilience"]
    assert [(each["round_robin"], each["ratio"]) for each in kept] == [(None, None), (2.0, 1.5)]
    assert all(pair.name in report.text(report.Results(pairs=pairs)) for pair in pairs)


def test_slow_and_busy_targets_are_measured_with_every_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench import resilience  # noqa: PLC0415 - same

    monkeypatch.setattr(resilience, "CALM_S", 0.5)
    pairs = {pair.name: pair for pair in resilience.measure(tmp_path, rounds=1, seconds=0.5)}
    assert len(pairs) == 10
    for name in ("… not answered by a 200", "… neither 200 nor 503"):
        assert pairs[name].base == pairs[name].value == 0
    assert pairs["one slow target of three, peak_ewma: p50"].value > 0


def test_the_bench_measures_all_contenders_in_one_run() -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--pure", "--part", "cost", "--no-result"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert not done.stderr, done.stderr
    for name in (
        "nginx proxy_pass",
        "Envoy",
        "nginx + Lua + Redis",
        "bare",
        "governed",
        "governed + all",
    ):
        assert f"{name}" in done.stdout
    assert "not measured" not in done.stdout
