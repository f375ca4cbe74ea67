"""The volumes of a pod, as folders of this machine that its containers mount.

Files of ConfigMaps, Secrets and the downward API stand in a folder of their own; `..data` is a link
to it and each file a link through `..data`. A change makes a new folder and swaps `..data`, so that
a reader sees all of the old or all of the new (kubelet's pkg/volume/util/atomic_writer.go).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from rehearsal.environment import Missing, Source, data_of

Manifest = dict[str, Any]
DATA = "..data"
MODE = 0o644
"""defaultMode of the API."""


@dataclass(frozen=True, slots=True)
class File:
    """What a file of a volume holds."""

    content: bytes
    mode: int


class Volumes:
    """The volumes of one pod. `claims` holds one folder per claim, which outlives the pod."""

    def __init__(
        self,
        folder: Path,
        claims: Path,
        source: Source,
        pod: Manifest,
        facts: Callable[[str], str],
    ) -> None:
        self._folder = folder
        self._claims = claims
        self._source = source
        self._namespace: str = pod["metadata"].get("namespace", "default")
        self._facts = facts
        self._specs = {each["name"]: each for each in pod["spec"].get("volumes") or ()}
        self._group: int | None = (pod["spec"].get("securityContext") or {}).get("fsGroup")
        self._numbers = count(1)
        self._written: dict[str, dict[str, File]] = {}

    def make(self) -> None:
        """Make every volume (blocks). Raises `Missing`; may be called again."""
        for name, spec in self._specs.items():
            path = self.path_of(name)
            path.mkdir(parents=True, exist_ok=True)
            if "emptyDir" in spec or "persistentVolumeClaim" in spec:
                path.chmod(0o777)
                self._give(path, read_only=False)
            else:
                path.chmod(0o755)
                self._write(name, path, self._files(spec))

    def refresh(self) -> None:
        """Write what has changed since; nothing is touched where nothing has (blocks).

        A volume whose ConfigMap or Secret is gone keeps what it had.
        """
        for name in list(self._written):
            with suppress(Missing):
                self._write(name, self.path_of(name), self._files(self._specs[name]))

    def remove(self) -> None:
        """Take them away, secrets too; claims stay (blocks)."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def path_of(self, name: str) -> Path:
        """Return the folder of a volume."""
        claim = self._specs[name].get("persistentVolumeClaim")
        if claim:
            return self._claims / self._namespace / str(claim["claimName"])
        return self._folder / name

    def source_of(self, mount: Manifest) -> tuple[Path, bool]:
        """Return what a volumeMount mounts, and whether for reading only.

        A `subPath` is what its links lead to now: it does not follow later changes, as documented.
        """
        spec = self._specs[mount["name"]]
        path = self.path_of(mount["name"])
        if mount.get("subPath"):
            path = (path / mount["subPath"]).resolve()
            if not path.exists():
                path.mkdir(parents=True)
        claim = spec.get("persistentVolumeClaim") or {}
        writable = ("emptyDir" in spec or claim) and not claim.get("readOnly")
        return path, bool(mount.get("readOnly")) or not writable

    def _files(self, spec: Manifest) -> dict[str, File]:
        if "projected" not in spec:
            return self._part(spec, MODE)
        projected = spec["projected"]
        found: dict[str, File] = {}
        for part in projected.get("sources") or ():
            found |= self._part(part, projected.get("defaultMode", MODE))
        return found

    def _part(self, spec: Manifest, default: int) -> dict[str, File]:
        if "downwardAPI" in spec:
            mode = spec["downwardAPI"].get("defaultMode", default)
            return {
                item["path"]: File(
                    self._facts(item["fieldRef"]["fieldPath"]).encode(), item.get("mode", mode)
                )
                for item in spec["downwardAPI"]["items"]
            }
        kind = "Secret" if "secret" in spec else "ConfigMap"
        part = spec.get("secret") or spec.get("configMap") or {}
        name = part.get("secretName") or part["name"]
        mode = part.get("defaultMode", default)
        try:
            data = data_of(self._source, kind, self._namespace, name)
        except Missing:
            if part.get("optional"):
                return {}
            raise
        if not part.get("items"):
            return {key: File(content, mode) for key, content in data.items()}
        return {
            item["path"]: File(data[item["key"]], item.get("mode", mode))
            for item in self._there(part, data)
        }

    @staticmethod
    def _there(part: Manifest, data: dict[str, bytes]) -> list[Manifest]:
        """Return the items whose keys are there. Raises `Missing` where one has to be."""
        for item in part["items"]:
            if item["key"] not in data and not part.get("optional"):
                raise Missing(f"references non-existent config key: {item['key']}")
        return [item for item in part["items"] if item["key"] in data]

    def _write(self, name: str, path: Path, files: dict[str, File]) -> None:
        if self._written.get(name) == files:
            return
        fresh = path / f"..{next(self._numbers)}"
        fresh.mkdir(mode=0o755)
        fresh.chmod(0o755)
        for inner, file in files.items():
            target = fresh / inner
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(file.content)
            target.chmod(file.mode)
        self._give(path, read_only=True)
        before = path / DATA
        old = before.resolve() if before.is_symlink() else None
        (path / "..data_tmp").symlink_to(fresh.name)
        (path / "..data_tmp").rename(before)
        self._link(path, {Path(inner).parts[0] for inner in files})
        if old is not None:
            shutil.rmtree(old)
        self._written[name] = files

    @staticmethod
    def _link(path: Path, names: set[str]) -> None:
        for present in list(path.iterdir()):
            if not present.name.startswith("..") and present.name not in names:
                present.unlink()
        for each in names:
            if not (path / each).is_symlink():
                (path / each).symlink_to(f"{DATA}/{each}")

    def _give(self, path: Path, *, read_only: bool) -> None:
        """Give everything below to fsGroup, as the kubelet does (pkg/volume/volume_linux.go)."""
        if self._group is None:
            return
        for each in (path, *path.rglob("*")):
            if each.is_symlink():
                continue
            os.chown(each, -1, self._group)
            mode = each.stat().st_mode & 0o7777
            more = 0o440 if read_only else 0o660
            each.chmod(mode | more | (0o2110 if each.is_dir() else 0))
