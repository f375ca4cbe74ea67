"""The bench reads its tools rightly, and runs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

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


def test_the_bench_measures_all_contenders_in_one_run() -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--pure", "--part", "cost", "--no-result"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert not done.stderr, done.stderr
    for name in ("nginx proxy_pass", "Envoy", "nginx + Lua + Redis", "bare", "governed"):
        assert f"{name}" in done.stdout
    assert "not measured" not in done.stdout
