"""A container sees its own root, processes and network, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from rehearsal.container import Container, Mount, Program
from rehearsal.images import SEARCH
from rehearsal.network import Network
from rehearsal.processes import Process
from support.loops import run
from support.ports import eventually

ENV = {"PATH": SEARCH}


def program(*argv: str, **options: Any) -> Program:
    return Program(argv, **{"env": ENV, "uid": 10_001, "gid": 10_001} | options)


@asynccontextmanager
async def started(folder: Path, what: Program) -> AsyncIterator[Container]:
    async with Network(folder / "network") as network:
        station = await network.attach("pod-1")
        container = Container(folder / "container", station, what, folder / "log")
        try:
            await container.start()
            yield container
        finally:
            await container.end()


def wrote(folder: Path, what: Program) -> tuple[int, str]:
    """Run to the end: exit status and what it wrote."""

    async def work() -> int:
        async with started(folder, what) as container:
            return await container.wait()

    return run(work()), (folder / "log").read_text()


def shell(folder: Path, script: str, **options: Any) -> tuple[int, str]:
    return wrote(folder, program("sh", "-c", textwrap.dedent(script), **options))


def test_a_program_is_the_first_process_with_the_user_and_the_groups_asked_for(
    tmp_path: Path,
) -> None:
    script = 'echo $$ $(id -u) $(id -g) "$(id -G)" $(hostname); ls /proc | grep -c "^[0-9]"'
    status, said = shell(tmp_path, script, groups=(2000, 3000))
    assert status == 0
    assert said.splitlines()[0] == "1 10001 10001 10001 2000 3000 pod-1"
    assert int(said.splitlines()[1]) < 6


def test_a_program_has_no_capabilities_and_can_gain_none(tmp_path: Path) -> None:
    script = "grep -E '^(Cap(Prm|Eff|Bnd|Amb)|NoNewPrivs)' /proc/self/status"
    _, said = shell(tmp_path, script, uid=0, gid=0)
    values = {line.split()[0]: int(line.split()[1], 16) for line in said.splitlines()}
    assert values == {
        "CapPrm:": 0,
        "CapEff:": 0,
        "CapBnd:": 0,
        "CapAmb:": 0,
        "NoNewPrivs:": 1,
    }


def test_the_environment_is_what_was_asked_for_and_nothing_else(tmp_path: Path) -> None:
    env = {"PATH": SEARCH, "GREETING": "good day\nto you"}
    _, said = wrote(tmp_path, program("env", "-0", env=env))
    assert dict(each.split("=", 1) for each in said.rstrip("\0").split("\0")) == env


def test_a_read_only_root_takes_no_writes_and_its_volumes_do(tmp_path: Path) -> None:
    source, fixed = tmp_path / "source", tmp_path / "fixed"
    for folder in (source, fixed):
        folder.mkdir()
        folder.chmod(0o777)
    mounts = (Mount(source, "/var/lib/mine"), Mount(fixed, "/etc/fixed", read_only=True))
    script = """\
        for path in /new /tmp/new /etc/new /dev/shm/new /var/lib/mine/new /etc/fixed/new; do
            (echo hello > $path) 2> /dev/null && echo $path
        done
        """
    _, said = shell(tmp_path, script, read_only_root=True, mounts=mounts, uid=0, gid=0)
    assert said.split() == ["/dev/shm/new", "/var/lib/mine/new"]
    assert (source / "new").read_text() == "hello\n"


def test_a_folder_that_programs_need_is_seen_below_a_volume(tmp_path: Path) -> None:
    volume, tree = tmp_path / "volume", tmp_path / "checkout"
    for folder in (volume, tree):
        folder.mkdir()
        folder.chmod(0o777)
    (tree / "program").write_text("hello\n")
    # pytest's own folder is not below /tmp everywhere, and a volume at it hides it all the same.
    mounts = (Mount(volume, str(tmp_path)), Mount(tree, str(tree), read_only=True))
    said = shell(tmp_path, f"cat {tree}/program; touch {tmp_path}/new", mounts=mounts)
    assert said == (0, "hello\n")
    assert (volume / "new").exists()


def test_a_writable_root_is_written_in_memory_only(tmp_path: Path) -> None:
    script = "echo hello > /etc/mine; cat /etc/mine; ls /tmp /run /home | grep -v :"
    status, said = shell(tmp_path, script, uid=0, gid=0)
    assert said.split() == ["hello"]
    assert status == 0
    assert not Path("/etc/mine").exists()


def test_an_image_puts_its_programs_where_they_are_looked_for(tmp_path: Path) -> None:
    trees = (Path(sys.prefix), Path(sys.base_prefix))
    links = {"/usr/local/bin/my-python": sys.executable}
    what = program("my-python", "-c", "print(6 * 7)", links=links, trees=trees, folder="/data")
    assert wrote(tmp_path, what) == (0, "42\n")


def test_a_program_that_is_not_there_ends_with_127(tmp_path: Path) -> None:
    status, said = wrote(tmp_path, program("no-such-program"))
    assert status == 127
    assert "no-such-program" in said


def test_a_command_is_executed_in_the_container_and_stopped_when_late(tmp_path: Path) -> None:
    async def work() -> None:
        async with started(tmp_path, program("sleep", "600")) as container:
            here = await container.execute(["sh", "-c", "id -u; cat /proc/1/comm"], within_s=10)
            assert here == (0, "10001\nsleep\n")
            assert (await container.execute(["false"], within_s=10))[0] == 1
            with pytest.raises(TimeoutError):
                await container.execute(["sleep", "599"], within_s=0.2)
            assert (await container.execute(["pgrep", "-f", "sleep 599"], within_s=10))[0] == 1
        assert (await container.execute(["true"], within_s=10))[0] == 137

    run(work())


def test_a_command_that_is_given_up_twice_is_reaped_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A probe is given up when it is late, and once more when its pod ends meanwhile."""

    async def work() -> None:
        async with started(tmp_path, program("sleep", "600")) as container:
            begun: list[Process] = []

            def process(*args: Any, **options: Any) -> Process:
                begun.append(Process(*args, **options))
                return begun[-1]

            monkeypatch.setattr("rehearsal.container.Process", process)
            executing = asyncio.ensure_future(container.execute(["sleep", "599"], within_s=60))
            while not begun:  # noqa: ASYNC110 - it begins one step later
                await asyncio.sleep(0)
            for _ in range(3):
                executing.cancel()
                await asyncio.sleep(0)
            await asyncio.gather(executing, return_exceptions=True)
            assert executing.cancelled()
            assert begun[0].returncode == -signal.SIGKILL

    run(work())


def test_a_signal_reaches_the_program_and_its_end_ends_all_others(tmp_path: Path) -> None:
    script = "trap 'exit 7' TERM; sleep 600 & echo up; wait"

    async def work() -> None:
        async with started(tmp_path, program("sh", "-c", script)) as container:
            await asyncio.to_thread(eventually, (tmp_path / "log").read_text, "up")
            inside = living_in(namespace_of(container.pid, "pid"))
            there = {each: began(each) for each in inside}
            container.signal(signal.SIGTERM)
            assert await container.wait() == 7
            assert len(there) > 1
            assert not any(began(each) == when for each, when in there.items())

    run(work())


def test_what_a_container_used_is_known_while_it_runs_and_after_its_end(tmp_path: Path) -> None:
    busy = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo done; sleep 600"

    async def work() -> None:
        async with started(tmp_path, program("sh", "-c", busy)) as container:
            await asyncio.to_thread(eventually, (tmp_path / "log").read_text, "done")
            alive = container.usage()
            assert alive.cpu_s > 0.01
            assert alive.memory_bytes > 50_000
            container.kill()
            assert await container.wait() == 137
            ended = container.usage()
            assert ended.cpu_s >= alive.cpu_s
            assert ended.memory_bytes == 0

    run(work())


def test_nothing_is_left_when_the_rehearsal_itself_is_killed(tmp_path: Path) -> None:
    code = f"""\
        import asyncio, sys
        from pathlib import Path
        from rehearsal.container import Container, Program
        from rehearsal.network import Network

        async def main():
            folder = Path({str(tmp_path)!r})
            async with Network(folder / "network") as network:
                station = await network.attach("pod-1")
                program = Program(("sleep", "600"), env={ENV!r}, uid=10001)
                container = Container(folder / "container", station, program, folder / "log")
                await container.start()
                print(container.pid, flush=True)
                await asyncio.sleep(600)

        asyncio.run(main())
        """
    rehearsal = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)],
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])},
    )
    with rehearsal:
        assert rehearsal.stdout is not None
        pid = int(rehearsal.stdout.readline())
        namespaces = [namespace_of(pid, kind) for kind in ("pid", "net", "mnt")]
        # By when they began: numbers of namespaces and processes are given again, to others' tests.
        there = {each: began(each) for name in namespaces for each in living_in(name)}
        rehearsal.kill()
    assert there
    eventually(
        lambda: not any(began(each) == when for each, when in there.items()),
        "its processes are gone",
        within_s=40,
    )


def namespace_of(pid: int, kind: str) -> str:
    return str(Path(f"/proc/{pid}/ns/{kind}").readlink())


def began(process: Path) -> str:
    """Return when a process began, in ticks since the boot; nothing once it is gone."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return ""


def living_in(namespace: str) -> Sequence[Path]:
    """Return processes that are in a namespace."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            kinds = [str(link.readlink()) for link in (process / "ns").iterdir()]
        except OSError:
            continue
        if namespace in kinds:
            found.append(process)
    return found
