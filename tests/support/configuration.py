"""A configuration as a text, loaded: what it becomes, or what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from sluicegate.errors import ConfigError, Fault
from sluicegate.snapshot.load import Loaded, load
from sluicegate.snapshot.policies import PolicyCatalog


def load_text(text: str, environ: dict[str, str] | None = None) -> Loaded:
    """Load a configuration that stands alone in a folder that is gone afterwards."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "application.yml"
        path.write_text(text)
        return load(path, environ or {}, PolicyCatalog(()))


def faults_of(text: str, environ: dict[str, str] | None = None) -> list[Fault]:
    """Return every fault of a configuration; none when it is right."""
    try:
        load_text(text, environ)
    except ConfigError as error:
        return error.faults
    return []


def messages_of(text: str, environ: dict[str, str] | None = None) -> dict[str, str]:
    """Return the message of the fault at each path; there is one at most."""
    faults = faults_of(text, environ)
    found = {fault.path: fault.message for fault in faults}
    assert len(found) == len(faults), faults
    return found
