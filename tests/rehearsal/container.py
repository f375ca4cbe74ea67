"""Runs one container: a program with a root, processes and a network of its own.

The root is this machine's own, seen through an overlay whose changes live in memory. The folders
that are private to an image are empty in it (`EMPTY`). The program is the first process there, so
that signals mean what they mean in a container, and the kernel kills all others when it ends. It
has no capabilities and can gain none, whatever the manifest allows.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal as signals
import stat
from collections.abc import Coroutine, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from rehearsal.network import Station
from rehearsal.processes import Process, Usage, tool, usage_of
from support.processes import below

EMPTY: Final = ("/tmp", "/var/tmp", "/run", "/home", "/mnt", "/media")
DEVICES: Final = {"null": 3, "zero": 5, "full": 7, "random": 8, "urandom": 9}
"""Minor numbers of the memory devices (major 1), Linux's devices.txt."""
OPAQUE: Final = "trusted.overlay.opaque"
"""A folder of an overlay with this attribute hides the one below it (overlayfs documentation)."""
NAMES: Final = "/.names"
"""Where a container has the files of its station; /etc has links to them."""

WAIT: Final = 'exec 3>&2 2> /dev/null; "$@" 2>&3 3>&-; exit $?'
"""The parent of the first process. `unshare --fork` of util-linux 2.38 loses the signal that ended
its child; a shell says 128 + n."""

SET_UP: Final = """\
set -eu
search=$1 room=$2 name=$3 read_only=$4; shift 4
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
mount -n -t tmpfs -o mode=0755 tmpfs "$room/layers"
cp -a "$room/image" "$room/layers/upper"
mkdir "$room/layers/work" "$room/layers/root"
root=$room/layers/root
mount -n -t overlay -o "lowerdir=/,upperdir=$room/layers/upper,workdir=$room/layers/work" \\
    overlay "$root"
[ -z "$read_only" ] || mount -n -o remount,bind,ro "$root"
mount -n -t proc -o nosuid,nodev,noexec proc "$root/proc"
mount -n -t tmpfs -o nosuid,nodev,noexec,mode=1777 shm "$root/dev/shm"
while [ "$1" != -- ]; do
    # Within another mount, as a checkout below /tmp is where a volume is mounted there.
    [ -e "$root$3" ] || if [ -d "$2" ]; then mkdir -p "$root$3"; else touch "$root$3"; fi
    mount -n -o "$1" "$2" "$root$3"
    shift 3
done
shift
echo "$name" > /proc/sys/kernel/hostname
chroot=$(command -v chroot)
exec 3> "$room/ready"
export PATH="$search"
exec "$chroot" "$root" /bin/sh -c 'echo >&3; exec 3>&- "$@"' sh "$@"
"""


@dataclass(frozen=True, slots=True)
class Mount:
    """A file or folder of this machine at a path of the container."""

    source: Path
    target: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Program:
    """What runs in a container, with all that was asked for it."""

    argv: tuple[str, ...]
    env: dict[str, str]
    """The whole environment; nothing of this machine's is added."""
    folder: str = "/"
    uid: int = 0
    gid: int = 0
    groups: tuple[int, ...] = ()
    read_only_root: bool = False
    mounts: tuple[Mount, ...] = ()
    links: dict[str, str] = field(default_factory=dict)
    """Paths in the root → files of this machine."""
    trees: tuple[Path, ...] = ()
    """Folders of this machine that have to be seen, wherever those are mounted."""


class Container:
    """One run of a program. `folder` has to be new; `log` takes stdout and stderr."""

    def __init__(self, folder: Path, station: Station, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.pid = 0
        """The first process, as this machine numbers it; 0 before it runs and after its end."""
        self._folder = folder
        self._station = station
        self._process: Process | None = None
        self._executed_cpu_s = 0.0
        self._begun = asyncio.Event()

    async def start(self) -> None:
        """Start it; returns when the program itself is about to run.

        Raises `RuntimeError` with the log where its root could not be made.
        """
        try:
            await self._start(self._mounts())
        finally:
            self._begun.set()

    async def _start(self, mounts: Sequence[Mount]) -> None:
        await asyncio.to_thread(self._prepare, mounts)
        ready = os.open(self._folder / "ready", os.O_RDONLY | os.O_NONBLOCK)
        try:
            with self.log.open("ab") as log:
                self._process = Process(self._command(mounts), env=self.program.env, output=log)
            await _first(_readable(ready), self._process.wait())
            made = os.read(ready, 1)
        finally:
            os.close(ready)
        if not made:
            raise RuntimeError(f"no root for {self.program.argv[0]}: {self.log.read_text()}")
        self.pid = next(iter(below(self._process.pid)), 0)

    async def begun(self) -> None:
        """Wait until it runs, or could not be started."""
        await self._begun.wait()

    async def wait(self) -> int:
        """Wait for the end of the first process; its exit status, 128 + n for a signal."""
        assert self._process is not None
        status = await self._process.wait()
        self.pid = 0
        return status

    def signal(self, number: int) -> None:
        """Send a signal to the first process; nothing where that has ended."""
        if self.pid:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        """SIGKILL everything in it; certain also while it is being set up."""
        if self.pid:  # whose end ends all others; its parent tells what they used
            self.signal(signals.SIGKILL)
        elif self._process is not None:
            self._process.kill()

    async def end(self) -> None:
        """Kill it where it still runs, and wait until nothing of it does."""
        self.kill()
        if self._process is not None:
            await self._process.gone()
            self.pid = 0
        await asyncio.to_thread(shutil.rmtree, self._folder, ignore_errors=True)

    async def execute(self, argv: Sequence[str], *, within_s: float) -> tuple[int, str]:
        """Run a command in it: exit status and output. Raises `TimeoutError`, then it is killed.

        A container that has ended answers 137; one that is being started is waited for.
        """
        async with asyncio.timeout(within_s):
            await self.begun()
        if not self.pid:
            return 137, "the container does not run"
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--uts", "--ipc"]
        output = self._folder / "executed"
        with output.open("w+b") as file:
            output.unlink()
            command = [*enter, f"--root=/proc/{self.pid}/root", *self._confined(argv)]
            process = Process(command, env=self.program.env, output=file)
            try:
                async with asyncio.timeout(within_s):
                    status = await process.wait()
            finally:
                process.kill()
                await process.gone()
                self._executed_cpu_s += process.cpu_s
            file.seek(0)
            return status, file.read().decode(errors="replace")

    def usage(self) -> Usage:
        """What it used so far, with what was executed in it; memory is 0 after its end."""
        used = Usage(self._executed_cpu_s)
        if self._process is None:
            return used
        if self._process.returncode is not None:
            return used + Usage(self._process.cpu_s)
        return used + usage_of([self.pid, *below(self.pid)] if self.pid else [])

    def _mounts(self) -> list[Mount]:
        """Return what is mounted, outer before inner, at paths without links."""
        program = self.program
        trees = [Mount(tree, str(tree), read_only=True) for tree in program.trees if _hidden(tree)]
        found = [Mount(self._station.etc, NAMES, read_only=True), *trees, *program.mounts]
        real = [replace(each, target=os.path.realpath(each.target)) for each in found]
        return sorted(real, key=lambda mount: mount.target.count("/"))

    def _command(self, mounts: Sequence[Mount]) -> list[str]:
        own = ["--mount", "--pid", "--ipc", "--uts", "--propagation", "private"]
        bound = [part for mount in mounts for part in _options(mount)]
        return [
            *["nsenter", f"--net={self._station.path}", tool("unshare"), *own],
            *[tool("sh"), "-c", WAIT, "sh"],
            *[tool("setpriv"), "--pdeathsig", "KILL", tool("sh"), "-c", SET_UP, "sh"],
            *[self.program.env.get("PATH", ""), str(self._folder), self._station.name],
            *["ro" if self.program.read_only_root else "", *bound, "--"],
            *self._confined(self.program.argv),
        ]

    def _confined(self, argv: Sequence[str]) -> list[str]:
        """Return `argv` behind what takes its rights away and brings it to its folder."""
        program = self.program
        groups = ",".join(map(str, program.groups))
        return [
            *[tool("setpriv"), f"--reuid={program.uid}", f"--regid={program.gid}"],
            f"--groups={groups}" if groups else "--clear-groups",
            *["--no-new-privs", "--bounding-set=-all", "--inh-caps=-all", "--ambient-caps=-all"],
            *["--pdeathsig=KILL", tool("env"), "-u", "PWD", "-u", "OLDPWD"],
            *["-C", program.folder, *argv],
        ]

    def _prepare(self, mounts: Sequence[Mount]) -> None:
        """Lay out what the image and the mounts change in the root (blocks)."""
        self._folder.mkdir(parents=True)
        (self._folder / "layers").mkdir()
        os.mkfifo(self._folder / "ready")
        upper = self._folder / "image"
        upper.mkdir(mode=0o755)
        upper.chmod(0o755)
        for hidden in (*EMPTY, "/dev"):
            folder = _folder(upper, hidden)
            os.setxattr(folder, OPAQUE, b"y")
            folder.chmod(0o1777 if hidden.endswith("tmp") else 0o755)
        for name, minor in DEVICES.items():
            os.mknod(upper / "dev" / name, stat.S_IFCHR | 0o666, os.makedev(1, minor))
            (upper / "dev" / name).chmod(0o666)
        (upper / "dev/fd").symlink_to("/proc/self/fd")
        for number, name in enumerate(("stdin", "stdout", "stderr")):
            (upper / "dev" / name).symlink_to(f"/proc/self/fd/{number}")
        for path in ("/dev/shm", "/proc", "/sys", self.program.folder, NAMES):
            _folder(upper, path)
        for name in ("hosts", "resolv.conf", "nsswitch.conf"):
            (_folder(upper, "/etc") / name).symlink_to(f"{NAMES}/{name}")
        for path, file in self.program.links.items():
            (_folder(upper, str(Path(path).parent)) / Path(path).name).symlink_to(file)
        for tree in self.program.trees:
            _folder(upper, str(tree.resolve()))
        for mount in mounts:
            _mount_point(upper, mount)


def _hidden(tree: Path) -> bool:
    """Say whether a container would not see a folder: its root is one file system, partly empty."""
    real = tree.resolve()
    elsewhere = real.stat().st_dev != Path("/").stat().st_dev
    return elsewhere or any(real.is_relative_to(empty) for empty in EMPTY)


def _folder(upper: Path, path: str) -> Path:
    """Make a folder and those above it in a layer; every user may pass through."""
    made = upper
    for name in Path(path).parts[1:]:
        made /= name
        if not made.is_dir():
            made.mkdir()
            below = Path("/") / made.relative_to(upper)
            known = stat.S_IMODE(below.stat().st_mode) if below.is_dir() else 0o755
            made.chmod(known | 0o111)
    return made


def _mount_point(upper: Path, mount: Mount) -> None:
    if mount.source.is_dir():
        _folder(upper, mount.target)
    else:
        path = Path(mount.target)
        (_folder(upper, str(path.parent)) / path.name).touch()


def _options(mount: Mount) -> list[str]:
    """Return what SET_UP's loop takes: options, source, target."""
    return ["bind,ro" if mount.read_only else "bind", str(mount.source), mount.target]


async def _readable(descriptor: int) -> None:
    """Wait until something can be read."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    loop.add_reader(descriptor, told.set)
    try:
        await told.wait()
    finally:
        loop.remove_reader(descriptor)


async def _first(*works: Coroutine[Any, Any, Any]) -> None:
    """Wait until one is done; the others are given up."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
