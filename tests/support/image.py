"""The gateway's image, really built from deploy/container and run without an engine of containers.

    image = Image(folder)                # begins: apt makes a base, buildah builds on it
    image.wait(within_s=50)              # says whether it is done; raises where it failed
    with image.running(tmp_path, yaml) as container:
        container.execute("id").stdout, container.get("/x"), container.terminate()

`folder` may be shared by several processes of tests: the first builds, the others wait, the last
one to close clears it away. The base is a Debian of unpacked packages with Python. Where this
machine gets packages, and whose certificates it trusts, is lent to the build and stays out of the
image. Needs root, apt, buildah and util-linux, and a gigabyte, in memory where there is enough.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from support.ports import eventually
from support.processes import below

SOURCES: Final = Path(__file__).parents[2]
MEMORY: Final = "/dev/shm"
ENOUGH: Final = 4 << 30
"""Bytes: three times what is needed."""
BUILD: Final = """\
set -eu
folder=$1 sources=$2; shift 2
mkdir -p state/lists/partial cache/archives/partial base
apt="-qq -o Dir::State=$folder/state -o Dir::State::status=/dev/null -o Dir::Cache=$folder/cache
  -o APT::Sandbox::User=root -o Acquire::Languages=none"
apt-get $apt update
apt-get $apt install --yes --download-only --no-install-recommends \\
  base-files base-passwd coreutils dash findutils grep libc-bin libstdc++6 python3 python3-venv sed
for package in cache/archives/*.deb; do dpkg-deb -x "$package" base; done
cp base/usr/share/base-passwd/passwd.master base/etc/passwd
cp base/usr/share/base-passwd/group.master base/etc/group

bare=$("$@" from scratch)
cp -a base/. "$("$@" mount "$bare")"
"$@" commit --quiet "$bare" localhost/debian-python
rm -r base cache state
digest=$("$@" images --format '{{.Digest}}' localhost/debian-python)
secret=
[ ! -e /etc/pip.conf ] || secret=--secret=id=pip.conf,src=/etc/pip.conf
"$@" bud --isolation chroot --format docker $secret \\
  --volume /etc/ssl/certs:/etc/ssl/certs:ro \\
  --build-arg BASE=localhost/debian-python --build-arg BASE_DIGEST="$digest" \\
  --build-arg COMPILE=0 --build-arg VERSION=1.2.3 \\
  --file "$sources/deploy/container/Containerfile" --tag localhost/sluicegate "$sources"
"$@" from --name made --pull-never localhost/sluicegate
"$@" mount made > mounted
"$@" inspect --type image localhost/sluicegate > inspected
"""
START: Final = """\
set -eu
root=$1 file=$2 room=$3 folder=$4; shift 4
ip link set lo up
mount --bind "$root" "$room"
mount -o remount,bind,ro,nosuid,nodev "$room"
mount -t proc -o nosuid,nodev,noexec proc "$room/proc"
mount -t tmpfs -o mode=0755 tmpfs "$room/dev"
for device in null zero random urandom; do
  : > "$room/dev/$device"
  mount --bind "/dev/$device" "$room/dev/$device"
done
mount -t tmpfs -o nosuid,nodev,mode=1777 tmpfs "$room/tmp"
mount -t tmpfs -o nosuid,nodev,noexec,uid=10001,gid=10001,mode=0700 tmpfs "$room/var/lib/sluicegate"
mount -t tmpfs tmpfs "$room/etc/sluicegate"
cp "$file" "$room/etc/sluicegate/application.yml"
mount -o remount,ro "$room/etc/sluicegate"
exec setpriv --no-new-privs chroot --userspec=10001:10001 --groups= "$room" \\
  /usr/bin/env -i -C "$folder" "$@"
"""
"""What an engine does for `--read-only`, `--tmpfs`, `--volume`, `--network none`."""


class Image:
    """The image; one for all tests of a run."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._users = (folder / "users").open("w")
        fcntl.flock(self._users, fcntl.LOCK_SH)
        self._build: subprocess.Popen[bytes] | None = None
        with (folder / "first").open("w") as first:
            fcntl.flock(first, fcntl.LOCK_EX)
            if not (folder / "log").exists():
                self._begin()

    @property
    def log(self) -> str:
        """What the build printed."""
        return (self._folder / "log").read_text()

    @property
    def config(self) -> dict[str, Any]:
        """The image's own configuration: `User`, `Env`, `Cmd`, `Healthcheck`, `Labels`, …."""
        return dict(self.inspected["Docker"]["config"])

    @property
    def inspected(self) -> dict[str, Any]:
        """All that buildah knows of the image."""
        return dict(json.loads((self._folder / "work/inspected").read_text()))

    @property
    def root(self) -> Path:
        """The image's files."""
        return Path((self._folder / "work/mounted").read_text().strip())

    def _begin(self) -> None:
        work = self._folder / "work"
        memory = os.statvfs(MEMORY)
        if memory.f_bavail * memory.f_frsize > ENOUGH:
            work.symlink_to(tempfile.mkdtemp(prefix="image-", dir=MEMORY))
        else:
            work.mkdir()
        work = work.resolve()
        script = self._folder / "build.sh"
        script.write_text(
            f"{{\n{BUILD}\n}} && status=0 || status=1; echo $status > {self._folder}/status\n"
        )
        store = ("--root", str(work / "store"), "--runroot", str(work / "run"))
        program = ("buildah", *store, "--storage-driver", "vfs")
        with (self._folder / "log").open("wb") as log:
            self._build = subprocess.Popen(
                ["sh", "-e", str(script), str(work), str(SOURCES), *program],
                cwd=work,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def wait(self, *, within_s: float = 55) -> bool:
        """Wait for the build, and say whether it is done; AssertionError where it failed.

        It takes about as long as one test may: a fixture waits for it, and then the test once more.
        """
        deadline = time.monotonic() + within_s
        while not (status := self._folder / "status").exists():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        assert status.read_text().strip() == "0", self.log
        return True

    def close(self) -> None:
        """Be done with it. What has ended is reaped, also where others go on to use it."""
        if self._build is not None:
            self._build.poll()
        fcntl.flock(self._users, fcntl.LOCK_UN)
        with suppress(BlockingIOError):  # somebody else uses it
            fcntl.flock(self._users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if self._build is not None:
                with suppress(ProcessLookupError):
                    os.killpg(self._build.pid, signal.SIGKILL)
                self._build.wait(10)
            shutil.rmtree((self._folder / "work").resolve())
        self._users.close()

    @contextmanager
    def running(self, folder: Path, yaml: str, *arguments: str) -> Iterator[Container]:
        """Run the image's entrypoint and command, or `arguments` in place of the command."""
        file, room = folder / "application.yml", folder / "room"
        file.write_text(yaml)
        room.mkdir()
        config = self.config
        command = [*config["Env"], *config["Entrypoint"], *(arguments or config["Cmd"])]
        own = ["--mount", "--pid", "--net", "--ipc", "--fork", "--kill-child=KILL"]
        unshare = ["unshare", *own, "--propagation", "private"]
        places = [str(self.root), str(file), str(room), config["WorkingDir"]]
        with (folder / "out.log").open("wb") as out, (folder / "err.log").open("wb") as err:
            outer = subprocess.Popen(
                [*unshare, "sh", "-c", START, "sh", *places, *command],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
            )
        container = Container(outer, folder, config)
        try:
            eventually(lambda: container.entered or outer.poll() is not None, "its root is made")
            yield container
        finally:
            with suppress(OSError, IndexError):  # it has ended
                os.kill(container.pid, signal.SIGKILL)
            outer.kill()
            outer.wait(10)


@dataclass(frozen=True)
class Container:
    """One that runs, with a network of its own in which only itself is."""

    outer: subprocess.Popen[bytes]
    folder: Path
    config: dict[str, Any]

    @property
    def pid(self) -> int:
        """The first process in it, as this machine numbers it."""
        return below(self.outer.pid)[0]

    @property
    def entered(self) -> bool:
        """Whether that is in the image's files yet."""
        with suppress(OSError, IndexError):
            return Path(f"/proc/{self.pid}/root").readlink() != Path("/")
        return False

    def execute(self, *argv: str) -> subprocess.CompletedProcess[str]:
        """Run a command in it as its user, as `docker exec` does."""
        enter = ["nsenter", f"--target={self.pid}", "--mount", "--pid", "--net", "--ipc"]
        inside = [f"--root=/proc/{self.pid}/root", "/usr/bin/env", "-i", *self.config["Env"]]
        confined = ["setpriv", "--no-new-privs", *enter, "--setuid=10001", "--setgid=10001"]
        return _run([*confined, *inside, *argv])

    def healthy(self) -> bool:
        """Run the health check of the image."""
        return self.execute(*self.config["Healthcheck"]["Test"][1:]).returncode == 0

    def get(self, path: str) -> str:
        """Ask its data port from inside its network, and return the body."""
        enter = ["nsenter", f"--target={self.pid}", "--net"]
        return _run([*enter, "curl", "-s", "-m", "10", f"http://127.0.0.1:8080{path}"]).stdout

    @contextmanager
    def upstream(self, port: int) -> Iterator[None]:
        """Run examples/echo.py inside its network."""
        enter = ["nsenter", f"--target={self.pid}", "--net"]
        program = [sys.executable, str(SOURCES / "examples/echo.py"), str(port)]
        process = subprocess.Popen([*enter, *program], stderr=subprocess.DEVNULL)
        try:
            listens = f"exec 3<>/dev/tcp/127.0.0.1/{port}"
            eventually(
                lambda: _run([*enter, "bash", "-c", listens]).returncode == 0, "echo.py listens"
            )
            yield
        finally:
            process.kill()
            process.wait(10)

    def terminate(self) -> int:
        """Ask its first process to end by the image's stop signal; return the exit status."""
        os.kill(self.pid, signal.Signals[self.config["StopSignal"]])
        return self.outer.wait(20)


def _run(command: Sequence[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
