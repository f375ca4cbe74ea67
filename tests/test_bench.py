"""The bench reads its tools rightly, and runs."""

from __future__ import annotations

import asyncio
import json
import math
import subprocess
import sys
from collections import Counter
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
     99%    1.20s\x20
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


def test_what_a_limit_adds_is_told_by_the_rounds_that_were_disturbed_least() -> None:
    from bench import cost  # noqa: PLC0415 - same

    rows = [cost.Row(cost.LEASED, [52.0, 50.0, 90.0]), cost.Row(cost.WITHOUT, [48.0, 75.0, 49.0])]
    (figure,) = cost.added(rows)
    assert (figure.value, figure.bound, figure.holds) == (2.0, 3.0, True)
    assert cost.added(rows[:1]) == []


def test_what_a_valkey_does_for_a_contender_is_shown_beside_it() -> None:
    from bench import cost, report  # noqa: PLC0415 - same
    from bench.load import Load  # noqa: PLC0415 - same

    loads = [Load(10, 1.0, 1.0, 2.0, 0)]
    rows = [
        cost.Row("with one", [40.0, 44.0], [9.0, 11.0], [1.0, 1.0], loads),
        cost.Row("without", [30.0], loads=loads),
    ]
    lines = report.cost_table(rows, cost.ratios(rows)).splitlines()
    cells = [[cell.strip() for cell in line.split("|")[1:5]] for line in lines]
    assert cells[0] == ["", "CPU-µs/request", "of Valkey", "its scripts"]
    assert cells[2:] == [["with one", "42.0", "10.0", "1.0"], ["without", "30.0", "", ""]]


def test_subjects_grow_tenfold_up_to_the_number_that_was_asked_for() -> None:
    from bench import state  # noqa: PLC0415 - same

    assert state.sizes_to(1_000_000) == [1000, 10_000, 100_000, 1_000_000]
    assert state.sizes_to(2000) == [1000, 2000]
    assert state.sizes_to(500) == [500]


def test_a_step_in_cost_is_found_wherever_it_is() -> None:
    from bench import state  # noqa: PLC0415 - same

    even = state.step("limit", [[10.0, 30.0], [11.0, 33.0], [10.0, 30.0]])
    assert (even.value, even.holds) == (pytest.approx(1.1), True)
    uneven = state.step("limit", [[10.0, 30.0], [25.0, 75.0], [20.0, 60.0]])
    assert (uneven.value, uneven.holds) == (2.5, False)
    assert state.step("limit", [[10.0]]).value == 1


def test_the_table_of_subjects_has_a_column_for_each_number_of_them() -> None:
    from bench.report import Level, level_table  # noqa: PLC0415 - same

    levels = [Level("a", 1000, 151.4, 9.96), Level("a", 2000, 150.0, 10.0)]
    lines = level_table([*levels, Level("b", 1000, 3.0, 1.0), Level("b", 2000, 4.0, 2.0)])
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in lines.splitlines()]
    assert cells[0] == ["", "1,000 subjects", "2,000 subjects"]
    assert cells[2:4] == [
        ["a: bytes/subject", "151", "150"],
        ["… script CPU-µs/call", "10.0", "10.0"],
    ]
    assert cells[4] == ["b: bytes/subject", "3", "4"]


def test_every_way_to_limit_is_measured_on_a_real_valkey(tmp_path: Path) -> None:
    from bench import state, valkey  # noqa: PLC0415 - same

    running = valkey.start_valkey(tmp_path)
    try:
        for name, group in state.groups().items():
            (level,), steepest = state.cost_of(name, group, {1500: running.port})
            assert (level.name, level.subjects, steepest.value) == (name, 1500, 1)
            assert level.script_us > 0
            assert 50 < level.bytes_each < 1000
            with valkey.Server(running.port) as server:  # of slots, all that was taken is back
                assert server.ask([b"DBSIZE\r\n"]) == [1500]
    finally:
        running.stop()


def test_a_call_that_is_refused_ends_the_measurement(tmp_path: Path) -> None:
    from bench import state, valkey  # noqa: PLC0415 - same
    from sluicegate.journey.limit.algorithms.fixed_window import FixedWindow  # noqa: PLC0415
    from sluicegate.state.contract import Group, Limit  # noqa: PLC0415

    running = valkey.start_valkey(tmp_path)
    try:
        small = Group("place", [Limit("fixed", FixedWindow(1, 86400 * 10**6))])
        with pytest.raises(RuntimeError, match="reached"):
            state.cost_of("small", small, {1000: running.port})
        with (
            valkey.Server(running.port) as server,
            pytest.raises(RuntimeError, match="unknown command"),
        ):
            server.ask([b"NONSENSE\r\n"])
    finally:
        running.stop()


def test_calls_are_told_from_what_scripts_do_within_them() -> None:
    from bench.round_trips import calls_figures  # noqa: PLC0415 - same

    one = {"evalsha": 1001, "get": 1000, "set": 1000, "time": 1001, "info": 1, "zadd": 1}
    assert all(figure.holds for figure in calls_figures(one, 1000))
    assert not calls_figures({**one, "evalsha": 3000}, 1000)[1].holds
    assert not calls_figures({**one, "ping": 500}, 1000)[0].holds
    assert not calls_figures({**one, "get": 3000}, 1000)[2].holds


def test_three_windows_of_one_subject_are_one_call_of_one_script(tmp_path: Path) -> None:
    from bench import round_trips  # noqa: PLC0415 - same

    for figure in round_trips.measure(tmp_path, requests=200):
        assert 1 <= figure.value < 1.5, figure.name  # and a call each second


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
    levels = [report.Level("c", 1000, 150.5, 9.5)]
    file = report.write(report.Results(pairs=pairs, levels=levels), {})
    written = json.loads(file.read_text(), parse_constant=pytest.fail)
    kept = written["resilience"]
    assert [(each["round_robin"], each["ratio"]) for each in kept] == [(None, None), (2.0, 1.5)]
    assert [(each["name"], each["bytes_each"]) for each in written["state"]] == [("c", 150.5)]
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
        "without a limit",
        "leased on Valkey",
        "exact on Valkey",
        "three windows on Valkey",
        "leased on Valkey minus governed without a limit",
    ):
        assert f"{name}" in done.stdout
    assert "not measured" not in done.stdout


def test_what_a_look_up_of_a_key_costs_is_measured() -> None:
    from bench import key_lookup  # noqa: PLC0415 - same

    found = {one.name: one for one in asyncio.run(key_lookup.figures(20, 30))}
    assert found["a cached key"].bound == 4
    assert found["30 cached keys"].value > 0


def test_those_who_are_known_are_among_the_keys_that_are_stored() -> None:
    from bench import postgres  # noqa: PLC0415 - same
    from sluicegate.model.key import parse  # noqa: PLC0415
    from sluicegate.snapshot.keys import digest  # noqa: PLC0415

    known = postgres.new_keys(2)
    made = list(postgres.crowd(30, 4, known))
    counted = Counter(each.kind for each in made)
    assert counted == {"team": postgres.TEAMS, "route": 4, "consumer": 3, "key": 30}
    assert len({each.id for each in made}) == len(made)
    names = {each.name: json.loads(each.content or b"") for each in made if each.kind == "key"}
    assert len(names) == 30
    for key in known:
        assert parse(key) == postgres.name_of(key).encode()
        spec = names[postgres.name_of(key)]
        assert spec["hash"] == "p:" + digest(postgres.PEPPER.encode(), key).hex()
    owners = {each.name for each in made if each.kind == "consumer"}
    assert {each["consumer"] for each in names.values()} == owners


def test_what_a_flood_met_is_read() -> None:
    from bench import key_load  # noqa: PLC0415 - same

    seen = key_load.flooded("Requests/sec: 9\nstatuses: 429=30 401=5 500=1 200=2 \n", 2.0)
    assert (seen.sent, seen.let_in, seen.seconds) == (38, 3, 2.0)
    with pytest.raises(RuntimeError, match="unable to connect"):
        key_load.flooded("unable to connect", 1.0)


def test_known_keys_are_shown_in_turn_from_networks_of_their_own() -> None:
    from bench import key_load  # noqa: PLC0415 - same

    plan = key_load.known([b"a", b"b"], rate=10, seconds=0.4)
    assert [each.due_s for each in plan] == pytest.approx([0, 0.1, 0.2, 0.3])
    assert plan[0].fields == plan[2].fields != plan[1].fields
    assert plan[1].fields == b"x-api-key: b\r\nx-forwarded-for: 172.16.1.9\r\n"


def test_statements_are_counted_once_each_however_they_were_sent() -> None:
    from bench import keys  # noqa: PLC0415 - same

    log = """2026-01-01 00:00:00.000 UTC [7] LOG:  execute __asyncpg_stmt_1__: SELECT a
	FROM b
2026-01-01 00:00:00.001 UTC [7] DETAIL:  parameters: $1 = 'x'
2026-01-01 00:00:00.002 UTC [8] LOG:  statement: BEGIN;
2026-01-01 00:00:00.003 UTC [1] LOG:  received SIGHUP, reloading configuration files
"""
    assert keys.statements(log) == 2


def test_keys_and_routes_of_a_real_store_are_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bench import key_lookup, keys  # noqa: PLC0415 - same
    from bench.report import Figure  # noqa: PLC0415 - same

    for name, value in (("WARM", 5), ("FIRST_USES", 10), ("PATCHES", 1), ("FLOOD_PER_S", 100)):
        monkeypatch.setattr(keys, name, value)
    monkeypatch.setattr(key_lookup, "measure", lambda: [Figure("a cached key", 1.0, "µs", 4)])
    measured = keys.measure(tmp_path / "keys", keys=50, routes=5, seconds=1, each=[2])
    found = {each.name.removeprefix("… "): each for each in measured}
    assert found["50 keys, 5 routes, 2 workers: start until ready"].bound == 10
    assert found["memory: management"].value > found["memory: a worker"].value > 10
    assert 1 <= found["statements in PostgreSQL per first use of a key"].value < 3
    for nothing in ("that failed", "known keys that failed", "let in, or failed otherwise"):
        assert all(each.value == 0 for each in measured if nothing in each.name)
    assert found["flood from one network: random keys"].value > 0
    assert found["until it runs"].value >= found["a route's PATCH until its answer"].value > 0
