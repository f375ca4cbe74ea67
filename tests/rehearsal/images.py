"""What the images of the chart are on this machine: their programs, user and defaults.

The rehearsal has no registry and no layers: a container's root is this machine's, and an image puts
links to its programs there. Only images of the table can run; others are refused by name.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rehearsal.fields import Unsupported

SEARCH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
"""PATH of the official Debian images."""


@dataclass(frozen=True, slots=True)
class Image:
    """One image: `files` are paths in it, and the files of this machine that they stand for.

    `trees` are folders of this machine that the programs need, wherever those are mounted.
    """

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    uid: int = 0
    gid: int = 0
    folder: str = "/"
    env: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    trees: tuple[Path, ...] = ()

    def argv(self, command: Sequence[str] | None, args: Sequence[str] | None) -> list[str]:
        """Combine as the kubelet does: `command` replaces the entrypoint and drops the default."""
        if command:
            return [*command, *(args or ())]
        return [*self.entrypoint, *(args or self.command)]


def images() -> dict[str, Image]:
    """Return the table: the last part of a repository's name → image."""
    here = Path(__file__).parents[2]
    # The chart's Valkey runs as Redis 7.0: the same protocol and settings, built with TLS.
    server, client = _found("redis-server"), _found("redis-cli")
    return {
        "sluicegate": Image(  # deploy/container/Containerfile
            entrypoint=("sluicegate",),
            command=("run", "/etc/sluicegate/application.yml"),
            uid=10_001,
            gid=10_001,
            folder="/var/lib/sluicegate",
            env={
                "PATH": "/opt/sluicegate/bin:/usr/local/bin:/usr/bin:/bin",
                "LANG": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1",
            },
            files={
                "/opt/sluicegate/bin/sluicegate": str(Path(sys.prefix) / "bin/sluicegate"),
                "/opt/sluicegate/healthcheck.py": str(here / "deploy/container/healthcheck.py"),
                "/usr/local/bin/python3": str(Path(sys.executable).resolve()),
            },
            trees=(Path(sys.prefix), Path(sys.base_prefix), here),
        ),
        "valkey": Image(  # docker.io/valkey/valkey; its entrypoint passes programs on as they are
            command=("valkey-server",),
            folder="/data",
            files={
                "/usr/local/bin/valkey-server": server,
                "/usr/local/bin/valkey-sentinel": server,
                "/usr/local/bin/valkey-cli": client,
            },
        ),
        "debian": Image(command=("bash",)),
    }


def named(table: Mapping[str, Image], reference: str) -> Image:
    """Find the image of a reference such as `registry:5000/team/valkey:8.1@sha256:…`."""
    last = reference.split("@", maxsplit=1)[0].rpartition("/")[2].split(":")[0]
    try:
        return table[last]
    except KeyError:
        raise Unsupported(f"image {reference}: the rehearsal has {sorted(table)}") from None


def _found(program: str) -> str:
    return shutil.which(program, path=os.environ.get("PATH", SEARCH)) or program
