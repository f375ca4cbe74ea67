from __future__ import annotations

from pathlib import Path

import pytest

from sluicegate.process.cores import cpu_count, cpu_quota, worker_count
from sluicegate.settings import Gateway, Settings


def put(folder: Path, **files: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)


def test_auto_is_one_with_state_in_memory() -> None:
    assert worker_count(Settings()) == 1


def test_a_number_is_taken_as_it_is() -> None:
    assert worker_count(Settings(gateway=Gateway(workers=3))) == 3


@pytest.mark.parametrize(
    ("quota", "affinity", "workers"),
    [(None, 8, 8), (2.0, 8, 2), (1.5, 8, 2), (0.1, 8, 1), (16.0, 8, 8)],
)
def test_a_quota_is_rounded_up_and_bounded_by_affinity(
    quota: float | None, affinity: int, workers: int
) -> None:
    assert cpu_count(quota, affinity) == workers


def test_version_2_takes_the_smallest_quota_on_the_way_up(tmp_path: Path) -> None:
    root, of_self = tmp_path / "cgroup", tmp_path / "self"
    of_self.write_text("0::/pod/container\n")
    put(root, cpu__max="max 100000\n")
    put(root / "pod", cpu__max="150000 100000\n")
    put(root / "pod/container", cpu__max="400000 100000\n")
    assert cpu_quota(root, of_self) == 1.5


def test_version_2_in_a_container_reads_the_root_when_the_hosts_path_is_not_there(
    tmp_path: Path,
) -> None:
    root, of_self = tmp_path / "cgroup", tmp_path / "self"
    of_self.write_text("0::/kubepods/burstable/pod1\n")
    put(root, cpu__max="50000 100000\n")
    assert cpu_quota(root, of_self) == 0.5


def test_version_1_divides_quota_by_period(tmp_path: Path) -> None:
    root, of_self = tmp_path / "cgroup", tmp_path / "self"
    of_self.write_text("4:memory:/x\n3:cpu,cpuacct:/docker/abc\n")
    put(
        root / "cpu,cpuacct/docker/abc",
        cpu__cfs_quota_us="250000\n",
        cpu__cfs_period_us="100000\n",
    )
    assert cpu_quota(root, of_self) == 2.5


def test_version_1_without_a_quota_has_none(tmp_path: Path) -> None:
    root, of_self = tmp_path / "cgroup", tmp_path / "self"
    of_self.write_text("3:cpu:/\n")
    put(root / "cpu", cpu__cfs_quota_us="-1\n", cpu__cfs_period_us="100000\n")
    assert cpu_quota(root, of_self) is None


def test_a_machine_without_control_groups_has_no_quota(tmp_path: Path) -> None:
    assert cpu_quota(tmp_path, tmp_path / "missing") is None
