"""The image, built for real on a small Debian and run as an engine would: read-only, as 10001."""

from __future__ import annotations

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from sluicegate import __version__
from support.image import SOURCES, Container, Image
from support.ports import eventually

APPLICATION = """
gateway: {listen: 0.0.0.0:8080, drain: {grace: 1s, deadline: 5s}}
services: {echo: {targets: [http://127.0.0.1:9000]}}
routes: {echo: {match: {path: /**}, service: echo}}
"""
WRITABLE = {"/tmp", "/var/lib/sluicegate", "/dev/null", "/dev/zero", "/dev/random", "/dev/urandom"}


@pytest.fixture(scope="session")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    """Begin to build; the image of another process of the same run, where that was first."""
    folder = tmp_path_factory.getbasetemp()
    run = folder.parent if folder.name.startswith("popen-") else folder
    image = Image(run / "image")
    yield image
    image.close()


@pytest.fixture
def waited(building: Image) -> Image:
    building.wait()
    return building


def built(image: Image) -> Image:
    assert image.wait(), image.log
    return image


@contextmanager
def serving(image: Image, folder: Path) -> Iterator[Container]:
    with built(image).running(folder, APPLICATION) as container:
        eventually(container.healthy, f"it is healthy, see {folder}/err.log", within_s=30)
        yield container


def test_linters_find_nothing_in_the_containerfile() -> None:
    folder = SOURCES / "deploy/container"
    program = Path(sys.prefix) / "bin/hadolint"
    command = [program, "--config", folder / "hadolint.yaml", folder / "Containerfile"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", ["requirements", "build", "compile"])
def test_what_is_locked_is_what_the_project_asks_for(name: str) -> None:
    folder = SOURCES / "deploy/container"
    asked = tomllib.loads((SOURCES / "pyproject.toml").read_text())["project"]["dependencies"]
    if name != "requirements":
        asked = (folder / f"{name}.in").read_text().splitlines()
    locked = versions(folder / f"{name}.txt")
    for requirement in (Requirement(each) for each in asked if not each.startswith("#")):
        version = locked.get(canonicalize_name(requirement.name))
        assert version is not None, f"{requirement} is not locked: deploy/container/lock.sh"
        assert version in requirement.specifier, f"{requirement} is locked at {version}"


def versions(lock: Path) -> dict[str, str]:
    return dict(re.findall(r"^([a-z0-9.-]+)==([^ ;]+)", lock.read_text(), re.MULTILINE))


def test_the_build_begins_on_the_base_of_a_digest(waited: Image) -> None:
    waited.wait()
    assert re.search(r"FROM localhost/debian-python@sha256:[0-9a-f]{64} AS interpreter", waited.log)


def test_the_image_builds_and_says_its_version(waited: Image, tmp_path: Path) -> None:
    with built(waited).running(tmp_path, APPLICATION, "--version") as container:
        assert container.outer.wait(20) == 0
    assert __version__ in (tmp_path / "out.log").read_text()


def test_it_says_what_it_is(waited: Image) -> None:
    config = built(waited).config
    assert config["User"] == "10001:10001"
    assert config["Entrypoint"] == ["sluicegate"]
    assert config["Cmd"] == ["run", "/etc/sluicegate/application.yml"]
    assert config["StopSignal"] == "SIGTERM"
    labels = config["Labels"]
    assert labels["org.opencontainers.image.version"] == "1.2.3"
    assert labels["org.opencontainers.image.base.name"] == "localhost/debian-python"
    assert labels["org.opencontainers.image.base.digest"].startswith("sha256:")


def test_it_serves_is_checked_and_ends_when_asked(waited: Image, tmp_path: Path) -> None:
    with serving(waited, tmp_path) as container:
        with container.upstream(9000):
            assert container.get("/hello").startswith("GET /hello on 9000")
        assert container.terminate() == 0
    assert "Traceback" not in (tmp_path / "err.log").read_text()


def test_its_health_check_fails_while_it_drains(waited: Image, tmp_path: Path) -> None:
    with serving(waited, tmp_path) as container:
        container.execute("/bin/sh", "-c", "kill -TERM 1")
        eventually(lambda: not container.healthy(), "the health check fails")
        assert container.outer.wait(20) == 0


def test_it_writes_nowhere_but_in_its_two_mounts(waited: Image, tmp_path: Path) -> None:
    with serving(waited, tmp_path) as container:
        assert container.execute("id", "-u").stdout == "10001\n"
        where = ("/", "-path", "/proc", "-prune", "-o", "!", "-type", "l", "-writable", "-print")
        found = set(container.execute("find", *where).stdout.splitlines())
    own = {path for path in found if path.startswith("/var/lib/sluicegate/")}
    assert own, "its data are there"
    assert found - own == WRITABLE


def test_nothing_in_it_becomes_somebody_else_or_belongs_to_its_user(waited: Image) -> None:
    root = built(waited).root
    wrong = []
    for path in root.rglob("*"):
        if path.is_symlink():
            continue
        status = path.stat()
        name = "/" + str(path.relative_to(root))
        if path.is_file() and status.st_mode & 0o6000:
            wrong.append(f"{name} is setuid or setgid")
        if status.st_mode & 0o002 and name != "/tmp":
            wrong.append(f"{name} is everybody's")
        if status.st_uid == 10001 and name != "/var/lib/sluicegate":
            wrong.append(f"{name} is the gateway's own")
    assert wrong == []


def test_it_holds_no_compiler_no_installer_and_no_sources(waited: Image) -> None:
    root = built(waited).root
    names = re.compile(
        r"(^|/)(pip[0-9.]*|pip-[^/]*|ensurepip|setuptools|wheel|hatchling|mypyc?|(bin/)(gcc|cc|curl|wget).*)$"
    )
    found = [str(path.relative_to(root)) for path in root.rglob("*") if names.search(str(path))]
    assert found == []
    assert not (root / "build").exists()
    assert not list(root.glob("**/*.whl"))


def test_all_its_python_is_compiled_and_is_the_same_whenever_it_was_built(waited: Image) -> None:
    package = next(built(waited).root.glob("opt/sluicegate/lib/python3.*/site-packages/sluicegate"))
    sources = list(package.rglob("*.py"))
    assert sources
    for source in sources:
        (compiled,) = (source.parent / "__pycache__").glob(f"{source.stem}.*.pyc")
        flags = int.from_bytes(compiled.read_bytes()[4:8], "little")
        assert flags == 0b01, f"{compiled}: PEP 552: by hash, not looked at again"


def test_what_the_build_was_lent_is_not_in_it(waited: Image) -> None:
    image = built(waited)
    assert not (image.root / "etc/pip.conf").exists()
    told = str(image.inspected)
    lent = Path("/etc/pip.conf")
    for line in lent.read_text().splitlines() if lent.exists() else ():
        _, _, value = line.partition("=")
        assert not value.strip() or value.strip() not in told
    for path in (image.root / "opt/sluicegate").rglob("*"):
        if path.is_file() and path.suffix in {".pem", ".key", ".crt"}:
            assert b"PRIVATE KEY" not in path.read_bytes(), path


def test_its_dependencies_are_those_that_the_lock_names(waited: Image) -> None:
    (site,) = built(waited).root.glob("opt/sluicegate/lib/python3.*/site-packages")
    stems = [path.name.removesuffix(".dist-info") for path in site.glob("*.dist-info")]
    pairs = [stem.rpartition("-") for stem in stems]
    installed = {canonicalize_name(name): version for name, _, version in pairs}
    assert installed.pop(canonicalize_name("sluicegate")) == __version__
    locked = versions(SOURCES / "deploy/container/requirements.txt")
    assert {name: locked.get(name) for name in installed} == installed
