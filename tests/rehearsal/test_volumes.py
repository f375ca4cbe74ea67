"""Volumes hold what ConfigMaps, Secrets and the pod say, and change at one stroke."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from rehearsal.environment import Missing
from rehearsal.volumes import Volumes

Manifest = dict[str, Any]


class Objects:
    """ConfigMaps and Secrets by name."""

    def __init__(self, **found: Manifest) -> None:
        self.found = found

    def find(self, kind: str, namespace: str, name: str) -> Manifest | None:
        assert namespace == "prod"
        found = self.found.get(name)
        return found if found and found["kind"] == kind else None


def config(**data: str) -> Manifest:
    return {"kind": "ConfigMap", "data": data}


def secret(**data: str) -> Manifest:
    coded = {key: base64.b64encode(text.encode()).decode() for key, text in data.items()}
    return {"kind": "Secret", "data": coded}


def volumes(folder: Path, objects: Objects, *specs: Manifest, **pod: Any) -> Volumes:
    manifest = {"metadata": {"namespace": "prod"}, "spec": {"volumes": specs, **pod}}
    return Volumes(folder / "pod", folder / "claims", objects, manifest, lambda path: f"<{path}>")


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def held(folder: Path) -> dict[str, str]:
    """What a program sees that looks into a volume."""
    names = [path for path in folder.iterdir() if not path.name.startswith("..")]
    return {path.name: path.read_text() for path in names if path.is_file()}


def test_a_config_map_is_a_folder_of_files_that_changes_at_one_stroke(tmp_path: Path) -> None:
    objects = Objects(settings=config(a="1", b="2"))
    mine = volumes(tmp_path, objects, {"name": "v", "configMap": {"name": "settings"}})
    mine.make()
    folder = mine.path_of("v")
    assert held(folder) == {"a": "1", "b": "2"}
    assert mode(folder / "a") == 0o644
    before = (folder / "..data").readlink()

    mine.refresh()
    assert (folder / "..data").readlink() == before, "nothing has changed"

    objects.found["settings"] = config(a="3", c="4")
    mine.refresh()
    assert (folder / "..data").readlink() != before
    assert held(folder) == {"a": "3", "c": "4"}
    assert not (folder / before).exists()

    del objects.found["settings"]
    mine.refresh()
    assert held(folder) == {"a": "3", "c": "4"}, "who has it keeps it"


def test_a_secret_is_read_by_the_group_of_the_pod_and_by_nobody_else(tmp_path: Path) -> None:
    spec = {"secretName": "keys", "defaultMode": 0o400, "items": [{"key": "k", "path": "in/key"}]}
    objects = Objects(keys=secret(k="s3cret", other="no"))
    group = {"securityContext": {"fsGroup": 4321}}
    mine = volumes(tmp_path, objects, {"name": "v", "secret": spec}, **group)
    mine.make()
    file = mine.path_of("v") / "in" / "key"
    assert file.read_text() == "s3cret"
    assert (mode(file), file.stat().st_gid) == (0o440, 4321)
    assert mode(file.parent.resolve()) & 0o2110 == 0o2110
    mine.remove()
    assert not mine.path_of("v").exists()


def test_a_projected_volume_holds_all_its_sources(tmp_path: Path) -> None:
    label = {"path": "labels", "fieldRef": {"fieldPath": "metadata.labels"}}
    sources = [
        {"configMap": {"name": "settings"}},
        {"secret": {"name": "keys", "items": [{"key": "k", "path": "key", "mode": 0o440}]}},
        {"secret": {"name": "absent", "optional": True}},
        {"downwardAPI": {"items": [label]}},
    ]
    objects = Objects(settings=config(a="1"), keys=secret(k="s3cret"))
    spec = {"name": "v", "projected": {"defaultMode": 0o400, "sources": sources}}
    mine = volumes(tmp_path, objects, spec)
    mine.make()
    folder = mine.path_of("v")
    assert held(folder) == {"a": "1", "key": "s3cret", "labels": "<metadata.labels>"}
    assert (mode(folder / "a"), mode(folder / "key")) == (0o400, 0o440)


@pytest.mark.parametrize(
    "spec",
    [
        {"configMap": {"name": "absent"}},
        {"secret": {"secretName": "settings"}},
        {"configMap": {"name": "settings", "items": [{"key": "absent", "path": "x"}]}},
    ],
)
def test_what_is_not_there_is_missed_by_name(tmp_path: Path, spec: Manifest) -> None:
    mine = volumes(tmp_path, Objects(settings=config(a="1")), {"name": "v", **spec})
    with pytest.raises(Missing, match=r"absent|settings"):
        mine.make()


def test_an_empty_folder_ends_with_the_pod_and_a_claim_does_not(tmp_path: Path) -> None:
    specs = [
        {"name": "scratch", "emptyDir": {}},
        {"name": "kept", "persistentVolumeClaim": {"claimName": "data-0"}},
    ]
    mine = volumes(tmp_path, Objects(), *specs, securityContext={"fsGroup": 4321})
    mine.make()
    for name in ("scratch", "kept"):
        assert mode(mine.path_of(name)) == 0o2777
        assert mine.path_of(name).stat().st_gid == 4321
        assert mine.source_of({"name": name}) == (mine.path_of(name), False)
        (mine.path_of(name) / "file").write_text(name)
    mine.remove()
    again = volumes(tmp_path, Objects(), *specs)
    again.make()
    assert held(again.path_of("scratch")) == {}
    assert held(again.path_of("kept")) == {"file": "kept"}


def test_a_sub_path_is_one_file_and_settings_are_for_reading_only(tmp_path: Path) -> None:
    objects = Objects(settings=config(a="1"))
    mine = volumes(tmp_path, objects, {"name": "v", "configMap": {"name": "settings"}})
    mine.make()
    source, read_only = mine.source_of({"name": "v", "subPath": "a"})
    assert (source.read_text(), read_only) == ("1", True)
    assert not source.is_symlink()
