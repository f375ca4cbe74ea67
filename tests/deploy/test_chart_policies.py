"""checkov's policies for Kubernetes: all hold, but for those that a file gives reasons for."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import yaml

from support.helm import PROFILES, ROOT, render_text
from support.profiles import SAID

CHECKOV = ROOT / ".venv/checkov/bin/checkov"
CONFIG = ROOT / "deploy/helm/.checkov.yaml"
DIGEST = {"digest": "sha256:" + "0" * 64}


def scanned(folder: Path) -> dict[str, Any]:
    """Return checkov's report of all files of a folder; nothing is asked of the network."""
    command = [str(CHECKOV), "--directory", str(folder), "--framework", "kubernetes"]
    command += ["--skip-download", "--quiet", "--compact", "--output", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_policies_fail_only_where_a_reason_is_given(tmp_path: Path) -> None:
    assert CHECKOV.exists(), f"{CHECKOV} is missing: `make {CHECKOV.parents[2].name}/.dev` makes it"
    for name in ("kind", "eks"):
        said = SAID[name] | {"image": SAID[name].get("image", {}) | DIGEST}
        said |= {"valkey": {"image": DIGEST}}
        text = render_text([PROFILES / f"{name}.yaml"], said)
        (tmp_path / f"{name}.yaml").write_text(text)
    report = scanned(tmp_path)
    failed = {check["check_id"] for check in report["results"]["failed_checks"]}
    assert failed == set(yaml.safe_load(CONFIG.read_text())["skip-check"])
    assert report["summary"]["passed"] > 500


def test_every_policy_that_is_left_out_has_its_reason_above_it() -> None:
    lines = CONFIG.read_text().splitlines()
    left_out = [number for number, line in enumerate(lines) if line.startswith("  - CKV")]
    assert left_out
    for number in left_out:
        assert lines[number - 1].startswith("  # ")
