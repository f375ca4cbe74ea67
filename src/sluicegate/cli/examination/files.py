"""Who may read the files that hold secrets."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.cli.examination.finding import Finding
from sluicegate.store.private_file import mode_of, open_to

if TYPE_CHECKING:
    from sluicegate.settings import ListenerTls, Settings


def file_findings(settings: Settings) -> list[Finding]:
    """Look at `data_dir`, at what is in it, and at the private files that the settings name."""
    folder = Path(settings.data_dir)
    if not folder.exists():
        return [Finding("files", "ok", f"{folder} is not there yet; `sluicegate run` makes it")]
    found = [_finding(folder, "others can look into it")]
    for path in sorted({*folder.iterdir(), *_named(settings)}):
        if path.is_file():
            found.append(_finding(path, "others can read it"))
        elif not path.is_dir():
            found.append(Finding("files", "fault", f"{path} is not there"))
    wrong = [finding for finding in found if finding.outcome != "ok"]
    return wrong or [Finding("files", "ok", f"{len(found)} looked at; only their owner has access")]


def _named(settings: Settings) -> Iterator[Path]:
    if settings.admin.token_file is not None:
        yield Path(settings.admin.token_file)
    for listener in (settings.gateway.tls, settings.management.tls):
        yield from _keys(listener)
    for client in (settings.state.tls, settings.store.tls):
        if client is not None and client.key is not None:
            yield Path(client.key)


def _keys(tls: ListenerTls | None) -> Iterator[Path]:
    for each in tls.certificates if tls is not None else ():
        yield Path(each.key)


def _finding(path: Path, trouble: str) -> Finding:
    try:
        found = path.stat()
    except OSError as error:
        return Finding("files", "warning", f"{path}: cannot be looked at: {error.strerror}")
    mode, whose = mode_of(found), open_to(found)
    if whose == "others":
        return Finding("files", "fault", f"{path}: {trouble} (mode {mode}); chmod o=,g= it")
    if whose == "group":
        return Finding("files", "warning", f"{path}: its group has access (mode {mode})")
    return Finding("files", "ok", f"{path}: mode {mode}")
