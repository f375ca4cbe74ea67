"""Compiles the data path into a wheel, when asked: `SLUICEGATE_COMPILE=1 pip wheel .`.

The sources stay the only implementation; mypyc makes C extensions of some of them. Left out is what
defines msgspec structs or dataclasses, which mypyc would compile into something else, and what no
request passes through. Needs a C compiler. Without the variable the wheel is pure Python.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COMPILED = (
    "clock",
    "exchange",
    "headers",
    "journey/authenticate/key_cache",
    "journey/authenticate/key_check",
    "journey/authenticate/key_record",
    "journey/authenticate/keyring",
    "journey/authenticate/misses",
    "journey/authenticate/pepper",
    "journey/authenticate/restriction",
    "journey/cache/caching",
    "journey/cache/call_keys",
    "journey/cache/flight",
    "journey/cache/follower",
    "journey/cache/keys",
    "journey/cache/recording",
    "journey/cache/replay",
    "journey/cache/resource_keys",
    "journey/cache/telling",
    "journey/dispatch/attempt",
    "journey/dispatch/hedge",
    "journey/dispatch/judgement",
    "journey/dispatch/model/attempt",
    "journey/dispatch/model/calling",
    "journey/dispatch/model/continuation",
    "journey/dispatch/model/cost_told",
    "journey/dispatch/model/dispatch",
    "journey/dispatch/model/errors",
    "journey/dispatch/model/intake",
    "journey/dispatch/model/metering",
    "journey/dispatch/model/model_span",
    "journey/dispatch/model/opening",
    "journey/dispatch/model/passage",
    "journey/dispatch/model/race",
    "journey/dispatch/model/reading",
    "journey/dispatch/model/sending",
    "journey/dispatch/request_head",
    "journey/dispatch/retry",
    "journey/dispatch/retry_after",
    "journey/dispatch/service",
    "journey/limit/algorithms/fixed_window",
    "journey/limit/algorithms/leaky_bucket",
    "journey/limit/algorithms/leased",
    "journey/limit/algorithms/period",
    "journey/limit/algorithms/portion",
    "journey/limit/algorithms/regional_window",
    "journey/limit/algorithms/sliding_log",
    "journey/limit/algorithms/sliding_window",
    "journey/limit/algorithms/slots",
    "journey/limit/algorithms/spending",
    "journey/limit/algorithms/token_bucket",
    "journey/limit/announcement",
    "journey/limit/away",
    "journey/limit/budget_subject",
    "journey/limit/budgeting",
    "journey/limit/cost",
    "journey/limit/deployment_quota",
    "journey/limit/forecast",
    "journey/limit/holding",
    "journey/limit/lease",
    "journey/limit/limiter",
    "journey/limit/ranking",
    "journey/limit/refusals",
    "journey/limit/rule",
    "journey/limit/settlement",
    "journey/limit/subjects/consumer",
    "journey/limit/subjects/header",
    "journey/limit/subjects/ip",
    "journey/limit/subjects/key",
    "journey/limit/subjects/model",
    "journey/limit/subjects/plan",
    "journey/limit/subjects/route",
    "journey/limit/subjects/team",
    "journey/limit/wishing",
    "journey/record/books",
    "journey/record/line",
    "journey/record/tally",
    "journey/record/tracer",
    "journey/route/canary",
    "journey/route/header_match",
    "journey/route/host_path",
    "journey/run",
    "journey/screen/countdown",
    "llm/call",
    "llm/endpoint",
    "llm/framing/sse",
    "llm/prices",
    "llm/produced",
    "llm/sigv4",
    "llm/stream_usage",
    "llm/tokens",
    "model/name_pattern",
    "snapshot/keys",
    "state/contract",
    "state/due",
    "state/entries",
    "state/marks",
    "state/memory",
    "state/memory_ledger",
    "state/records",
    "state/redis/breaker",
    "state/redis/caller",
    "state/redis/calls",
    "state/redis/cluster",
    "state/redis/commands",
    "state/redis/connection",
    "state/redis/ledger_replies",
    "state/redis/resp",
    "state/redis/rounds",
    "state/redis/sentinel",
    "state/redis/single",
    "state/redis/slots",
    "state/redis/state",
    "state/wish",
    "telemetry/genai",
    "telemetry/trace",
    "upstream/admission/admission",
    "upstream/admission/gradient",
    "upstream/admission/queue",
    "upstream/balance/consistent_hash",
    "upstream/balance/least_requests",
    "upstream/balance/peak_ewma",
    "upstream/balance/rendezvous",
    "upstream/balance/two_choices",
    "upstream/balance/weighted_round_robin",
    "upstream/balance/zones",
    "upstream/breaker",
    "upstream/credentials/proof",
    "upstream/credentials/renewed",
    "upstream/destination",
    "upstream/hash_key",
    "upstream/health/ejections",
    "upstream/health/standing",
    "upstream/health/ward",
    "upstream/hedge",
    "upstream/latency",
    "upstream/models/cooldowns",
    "upstream/models/deployment",
    "upstream/models/pool",
    "upstream/models/ranks",
    "upstream/models/retry",
    "upstream/models/table",
    "upstream/pool",
    "upstream/provider_link",
    "upstream/retry_budget",
    "upstream/target",
    "wire/body",
    "wire/deadlines",
    "wire/forwarded",
    "wire/http1/client",
    "wire/http1/context",
    "wire/http1/head",
    "wire/http1/lines",
    "wire/http1/names",
    "wire/http1/patience",
    "wire/http1/reader",
    "wire/http1/response",
    "wire/http1/response_reader",
    "wire/http1/server",
    "wire/target",
    "wire/tunnel",
)

SETUP = """
import sys
from mypyc.build import mypycify
from setuptools import setup
modules = ["--config-file=" + sys.argv.pop(), *sys.argv.pop().split(",")]
setup(ext_modules=mypycify(modules, opt_level="3", group_name="sluicegate"))
"""


class CustomBuildHook(BuildHookInterface[Any]):
    """Hatchling's way to add to a wheel."""

    def dependencies(self) -> list[str]:
        """Name what compiling needs beside hatchling."""
        return ["mypy>=1.14", "setuptools>=70", *self._runtime()] if self._asked() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile into `build/`, and put the extensions into the wheel."""
        if version != "standard" or not self._asked():
            return
        root = Path(self.root)
        work = root / "build" / "compiled"
        shutil.rmtree(work, ignore_errors=True)
        shutil.copytree(
            root / "src", work, ignore=shutil.ignore_patterns("__pycache__", "*.so", ".mypy_cache")
        )
        modules = ",".join(f"sluicegate/{name}.py" for name in COMPILED)
        arguments = ["build_ext", "--inplace", modules, str(root / "pyproject.toml")]
        subprocess.run([sys.executable, "-c", SETUP, *arguments], cwd=work, check=True)  # noqa: S603 - our own text
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for library in work.rglob("*.so"):
            build_data["force_include"][str(library)] = str(library.relative_to(work))

    def _asked(self) -> bool:
        return self.target_name == "wheel" and os.environ.get("SLUICEGATE_COMPILE") == "1"

    def _runtime(self) -> list[str]:
        """Name libraries whose types mypyc reads."""
        return list(self.metadata.core.dependencies)
