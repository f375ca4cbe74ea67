"""What the bench measures of calls that are counted in money, or kept, is what it says."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(autouse=True)
def bench_is_importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT))


def test_a_priced_call_costs_tokens_and_money_and_is_in_the_ledger(tmp_path: Path) -> None:
    from bench import chat, chat_gateways, chat_kept  # noqa: PLC0415 - see bench_is_importable

    [way] = chat_kept.WAYS
    body = chat.body_of(way, chat.TOKENS)
    provider = chat_gateways.stand_in(tmp_path / "provider")
    try:
        for name in (chat_kept.PRICED, chat_kept.PRICED_ALONE):
            folder = tmp_path / name
            gateway = chat_kept.contenders()[name].start(folder, provider.port)
            try:
                assert chat.trial(gateway.port, way, body) is None
            finally:
                gateway.stop()
            assert chat_kept.kept_entries(gateway) == 1
            with sqlite3.connect(folder / "ledger.db") as connection:
                asked = "SELECT consumer, cost, input, output FROM ledger"
                entry = connection.execute(asked).fetchone()
            assert entry == ("bench", 200 * 150 + 140 * 600, 200, 140)
    finally:
        provider.stop()


def test_a_cached_call_reaches_the_provider_once(tmp_path: Path) -> None:
    from bench import chat, chat_gateways, chat_kept  # noqa: PLC0415 - see bench_is_importable

    [way] = chat_kept.WAYS
    body = chat.body_of(way, chat.TOKENS)
    provider = chat_gateways.stand_in(tmp_path / "provider")
    gateway = chat_kept.contenders()[chat_kept.CACHED].start(tmp_path / "cached", provider.port)
    try:
        assert chat.trial(gateway.port, way, body) is None
        provider.stop()
        assert chat.trial(gateway.port, way, body) is None
        assert chat_kept.kept_entries(gateway) is None
    finally:
        gateway.stop()
        provider.stop()


def test_identical_calls_are_counted_where_they_arrive(tmp_path: Path) -> None:
    from bench import chat, chat_kept  # noqa: PLC0415 - see bench_is_importable

    body = chat.body_of(chat_kept.WAYS[0], chat.TOKENS)
    made, failed = chat_kept.identical(tmp_path, body, 20)
    assert made.name == "20 identical calls at a time: calls of the provider"
    assert (made.value, made.bound, failed.value, failed.bound) == (1, 1, 0, 0)


def test_kept_calls_have_bounds_and_stand_beside_their_peers() -> None:
    from bench import chat_kept  # noqa: PLC0415 - see bench_is_importable
    from bench.chat_gateways import PASSED  # noqa: PLC0415 - same
    from bench.cost import Row  # noqa: PLC0415 - same
    from bench.load import Load  # noqa: PLC0415 - same

    load = [Load(10, 1.0, 1.0, 2.0, 0)]
    rows = [
        Row(f"{chat_kept.PRICED}: {PASSED}", [121.0], valkey_us=[40.0], loads=load),
        Row(f"{chat_kept.CACHED}: {PASSED}", [59.0], loads=load),
        Row(f"LiteLLM: {PASSED}", [12101.0], loads=load),
        Row(f"Portkey: {PASSED}", [1209.0], loads=load),
    ]
    found = {one.name: one for one in chat_kept.costs(rows, {})}
    assert [one.holds for one in found.values()] == [False, True, True, False, True]
    assert found[f"{chat_kept.PRICED} ÷ Portkey"].value == pytest.approx(12100 / 1209)


def test_calls_that_are_not_in_the_ledger_are_told(tmp_path: Path) -> None:
    from bench import chat_kept  # noqa: PLC0415 - see bench_is_importable
    from bench.chat_gateways import PASSED  # noqa: PLC0415 - same
    from bench.cost import Row  # noqa: PLC0415 - same
    from bench.load import Load  # noqa: PLC0415 - same
    from bench.processes import Running  # noqa: PLC0415 - same

    with sqlite3.connect(tmp_path / "ledger.db") as connection:
        connection.execute("CREATE TABLE ledger (id TEXT)")
        connection.execute("INSERT INTO ledger VALUES ('one')")
    row = Row(f"{chat_kept.PRICED}: {PASSED}", [90.0], loads=[Load(3, 1.0, 1.0, 2.0, 0)])
    running = Running(None, 0, tmp_path)  # type: ignore[arg-type]  # nobody stops it
    *_, lost = chat_kept.costs([row], {chat_kept.PRICED: running})
    assert (lost.value, lost.holds) == (2, False)


def test_the_configuration_has_a_price_a_budget_and_a_limit_of_tokens() -> None:
    from bench import chat_kept  # noqa: PLC0415 - see bench_is_importable

    written = chat_kept.text(80, chat_kept.LIMITS, store="sqlite:///a")
    assert '"unit": "tokens"' in written
    assert '"budget"' in written
    assert 'price: {input: "0.15", output: "0.6"}' in written
    assert json.dumps({"url": "sqlite:///a"}) in written


def test_priced_and_cached_calls_are_measured_in_one_run() -> None:
    command = [sys.executable, "-m", "bench", "--quick", "--pure", "--part", "chat"]
    command += ["--only", "priced|cached", "--no-result"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, check=False, text=True)
    assert not done.stderr, done.stderr
    for name in (
        "Sluicegate, priced, counted in a Valkey: OpenAI → OpenAI",
        "Sluicegate, priced, counted in memory: OpenAI → OpenAI",
        "Sluicegate, cached: OpenAI → OpenAI",
        "… of the Valkey beside it",
    ):
        assert name in done.stdout
    for line in done.stdout.splitlines():
        assert "not in the ledger" not in line or line.split("|")[2].strip() == "0"
    assert "not measured" not in done.stdout
