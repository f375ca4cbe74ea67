"""The compiled wheel of this tree, built when the sources have changed since."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KEPT = ROOT / ".bench"


def folder() -> Path:
    """Return a folder to put on PYTHONPATH; building takes some minutes and a C compiler."""
    made = KEPT / f"compiled-{_fingerprint()}"
    if not made.exists():
        print("compiling the data path …", file=sys.stderr, flush=True)
        fresh = KEPT / "fresh"
        for outdated in (fresh, *KEPT.glob("compiled-*")):
            shutil.rmtree(outdated, ignore_errors=True)
        pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
        environ = os.environ | {"SLUICEGATE_COMPILE": "1"}
        command = [*pip, "install", "--no-deps", "--target", str(fresh), str(ROOT)]
        subprocess.run(command, check=True, env=environ)
        fresh.rename(made)
    return made


def main() -> None:
    """Print the folder (`python -m bench.compiled`)."""
    print(folder())


def _fingerprint() -> str:
    digest = hashlib.sha256(sys.version.encode())
    sources = (each for kind in ("py", "lua") for each in (ROOT / "src").rglob(f"*.{kind}"))
    files = [*sources, ROOT / "hatch_build.py", ROOT / "pyproject.toml"]
    for file in sorted(files):
        digest.update(str(file.relative_to(ROOT)).encode() + file.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    main()
