"""The table that is printed, and the file that is kept."""

from __future__ import annotations

import importlib.metadata
import json
import math
import os
import platform
import re
import subprocess
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from bench.processes import Missing, program
from bench.valkey import valkey_server

if TYPE_CHECKING:
    from bench.cost import Row

RESULTS = Path(__file__).parent / "results"
DOCUMENT = Path(__file__).parents[1] / "docs" / "performance.md"
BEGIN, END = "<!-- bench: begin -->\n", "<!-- bench: end -->\n"
LIBRARIES = ("hiredis", "httptools", "msgspec", "uvloop")


@dataclass(frozen=True)
class Figure:
    """One measured number, and what it must not pass (None: nothing is asked of it)."""

    name: str
    value: float
    unit: str
    bound: float | None = None

    @property
    def holds(self) -> bool:
        """Say whether the bound is kept."""
        return self.bound is None or self.value <= self.bound


@dataclass(frozen=True)
class Pair:
    """A number of the same load with plain round robin and with a setting, and their ratio.

    `bound` is what the ratio must not pass, `at_least` what it must reach.
    """

    name: str
    unit: str
    base: float
    value: float
    bound: float | None = None
    at_least: float | None = None

    @property
    def ratio(self) -> float:
        """Return the setting's number ÷ round robin's; not a number where there is none."""
        return self.value / self.base if self.base else math.nan

    @property
    def holds(self) -> bool:
        """Say whether the ratio is as it must be."""
        if self.at_least is not None and self.value < self.at_least * self.base:
            return False
        return self.bound is None or self.value <= self.bound * self.base


@dataclass(frozen=True)
class Level:
    """What one way to limit costs at the Valkey that counts so many subjects.

    `script_us` is the processor time of one call of the script.
    """

    name: str
    subjects: int
    bytes_each: float
    script_us: float


@dataclass
class Results:
    """All that a run has found out. `missing` says what could not be measured and why."""

    rows: list[Row] = field(default_factory=list)
    calls: list[Row] = field(default_factory=list)
    ratios: dict[str, dict[str, float]] = field(default_factory=dict)
    figures: list[Figure] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    levels: list[Level] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)


def machine() -> dict[str, str | int]:
    """Describe where this runs."""
    model = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text())
    return {
        "cpu": model[1] if model else platform.machine(),
        "cores": os.cpu_count() or 0,
        "kernel": platform.release(),
    }


def versions() -> dict[str, str]:
    """Name what was measured."""
    found = {name: importlib.metadata.version(name) for name in ("sluicegate", *LIBRARIES)}
    found["sluicegate"] += " (compiled)" if "BENCH_COMPILED" in os.environ else ""
    found["python"] = platform.python_version()
    for name, command in {
        "nginx": ["nginx", "-v"],
        "envoy": ["envoy", "--version"],
        "wrk": ["wrk", "-v"],
    }.items():
        found[name] = _version(command)
    with suppress(Missing):
        found["valkey"] = _version([valkey_server(), "--version"])
    return found


def _version(command: list[str]) -> str:
    try:
        found = program(command[0], "")
    except Missing:
        return "missing"
    command = [found, *command[1:]]
    done = subprocess.run(command, capture_output=True, check=False, text=True)
    seen = re.search(r"\d+\.\d+[\w.\-]*", done.stdout + done.stderr)
    return seen[0] if seen else "?"


def text(results: Results) -> str:
    """Write what is printed: where, the tables, and what could not be measured."""
    where = machine()
    named = ", ".join(f"{name} {version}" for name, version in versions().items())
    parts = [
        f"{where['cpu']}, {where['cores']} cores, Linux {where['kernel']}; {named}.",
        cost_table(results.rows, results.ratios) if results.rows else "",
        call_table(results.calls) if results.calls else "",
        figure_table(results.figures) if results.figures else "",
        pair_table(results.pairs) if results.pairs else "",
        level_table(results.levels) if results.levels else "",
        "\n".join(f"not measured: {line}" for line in results.missing),
    ]
    return "\n\n".join(part for part in parts if part)


def document(printed: str, file: Path = DOCUMENT) -> None:
    """Put what was printed between the marks of the document."""
    before, _, rest = file.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    file.write_text(f"{before}{BEGIN}{printed}\n{END}{after}")


def cost_table(rows: list[Row], ratios: dict[str, dict[str, float]]) -> str:
    """Draw the table of costs in Markdown."""
    bases = sorted({base for ratio in ratios.values() for base in ratio}, key=str.lower)
    head = ["", "CPU-µs/request", "of Valkey", "its scripts", "requests/s", "p50 ms", "p99 ms"]
    keys = ["name", "cpu_us", "valkey_us", "valkey_scripts", "rps", "p50_ms", "p99_ms", "memory_mb"]
    lines = [[*head, "RSS MB", *(f"÷ {base}" for base in bases)]]
    for row in rows:
        one = row.summary()
        cells = [one.get(key, "") for key in keys]
        cells += [ratios[row.name].get(base, "") for base in bases]
        lines.append([str(cell) for cell in cells])
    return markdown(lines)


def call_table(rows: list[Row]) -> str:
    """Draw calls of models in Markdown, each beside Sluicegate's way of the same name."""
    head = ["", "CPU-µs/call", "of Valkey", "calls/s", "p50 ms", "p99 ms", "RSS MB", "failed"]
    keys = ["name", "cpu_us", "valkey_us", "rps", "p50_ms", "p99_ms", "memory_mb", "failed"]
    found = [row.summary() for row in rows]
    ours = {one["name"]: float(one["cpu_us"]) for one in found}
    lines = [[*head, "÷ Sluicegate"]]
    for one in found:
        base = ours.get("Sluicegate: " + str(one["name"]).partition(": ")[2])
        ratio = f"{float(one['cpu_us']) / base:.2f}" if base else ""
        lines.append([*(str(one.get(key, "")) for key in keys), ratio])
    return markdown(lines)


def figure_table(figures: list[Figure]) -> str:
    """Draw the other numbers in Markdown."""
    lines = [["", "measured", "must not pass"]]
    for one in figures:
        digits = {"": 0, "times": 2, "%": 2, "calls": 3}.get(one.unit, 1)
        value = f"{one.value:.{digits}f}"
        bound = "" if one.bound is None else f"{one.bound:g} {one.unit}".strip()
        note = "" if one.holds else " ✗"
        lines.append([one.name, f"{value} {one.unit}".strip() + note, bound])
    return markdown(lines)


def pair_table(pairs: list[Pair]) -> str:
    """Draw in Markdown what settings change. What there is none of is a dash."""
    lines = [["", "round robin", "with it", "ratio", "must be"]]
    for one in pairs:
        must = "" if one.bound is None else f"≤ {one.bound:g}"
        if one.at_least is not None:
            must = f"≥ {one.at_least:g}"
        ratio = "-" if math.isnan(one.ratio) else f"{one.ratio:.2f}"
        cells = [_amount(one.base, one.unit), _amount(one.value, one.unit), ratio]
        cells[-1] += "" if one.holds else " ✗"
        lines.append([one.name, *cells, must])
    return markdown(lines)


def level_table(levels: list[Level]) -> str:
    """Draw in Markdown what subjects cost, for each number of them."""
    sizes = sorted({one.subjects for one in levels})
    found = {(one.name, one.subjects): one for one in levels}
    lines = [["", *(f"{size:,} subjects" for size in sizes)]]
    for name in dict.fromkeys(one.name for one in levels):
        of = [found[name, size] for size in sizes]
        lines.append([f"{name}: bytes/subject", *(f"{one.bytes_each:.0f}" for one in of)])
        lines.append(["… script CPU-µs/call", *(f"{one.script_us:.1f}" for one in of)])
    return markdown(lines)


def _amount(value: float, unit: str) -> str:
    return "-" if math.isnan(value) else f"{value:.1f} {unit}"


def markdown(lines: list[list[str]]) -> str:
    """Draw rows as a table whose columns line up; the first row is the head."""
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    drawn = [
        "| " + " | ".join(
            cell.ljust(width) if not i else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(line, widths, strict=True))
        ) + " |"
        for line in lines
    ]  # fmt: skip
    rule = "|" + "|".join(
        "-" * (w + 2) if not i else "-" * (w + 1) + ":" for i, w in enumerate(widths)
    )
    return "\n".join([drawn[0], rule + "|", *drawn[1:]])


def write(results: Results, settings: dict[str, object]) -> Path:
    """Keep the run as JSON; returns the file."""
    now = datetime.now(tz=UTC)
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{now:%Y-%m-%dT%H%M}.json"
    content = {
        "date": now.isoformat(timespec="seconds"),
        "machine": machine(),
        "versions": versions(),
        "settings": settings,
        "cost": [{**row.summary(), "ratios": results.ratios[row.name]} for row in results.rows],
        "chat": [row.summary() for row in results.calls],
        "figures": [
            {"name": f.name, "value": round(f.value, 3), "unit": f.unit, "bound": f.bound}
            for f in results.figures
        ],
        "resilience": [_pair(each) for each in results.pairs],
        "state": [asdict(each) for each in results.levels],
        "missing": results.missing,
    }
    file.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
    return file


def _pair(pair: Pair) -> dict[str, object]:
    """Write a pair as JSON; what there is none of is null."""
    numbers = {"round_robin": pair.base, "value": pair.value, "ratio": pair.ratio}
    return {
        "name": pair.name,
        "unit": pair.unit,
        **{name: None if math.isnan(n) else round(n, 3) for name, n in numbers.items()},
        "bound": pair.bound,
        "at_least": pair.at_least,
    }
