"""What a first start makes so that nothing has to be configured: pepper, master key, first token.

Pepper and master key are made only where the store is SQLite, which is one replica's own; several
replicas need the same ones, and whoever runs several says where they are. Whatever is made is a
file of mode 0600, made once: of several starts at one time one makes it, and the others read it.
"""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import structlog

from sluicegate.errors import ConfigError, Fault
from sluicegate.model.key import new_key
from sluicegate.store.private_file import create, mode_of, open_to, private_folder

if TYPE_CHECKING:
    from collections.abc import Callable

    from sluicegate.settings import Settings

PEPPER, MASTER_KEY, TOKEN = "pepper", "master.key", "admin.token"
"""Files in `data_dir`."""
LOCAL: Final = "local"
"""What a generated pepper and a generated master key are called."""
SECRET_BYTES: Final = 32


class FirstToken(NamedTuple):
    """Where the first admin token is, and whether it was made just now."""

    path: Path
    made: bool


def local_peppers(settings: Settings, *, needed: bool = True) -> dict[str, str]:
    """Return `{"local": …}`, the pepper of `data_dir`, made where it is `needed` and not there.

    For a SQLite store; otherwise empty. One that was made before the file had `peppers` stays good,
    for the keys that were made under it. Raises ConfigError where the file can be neither read nor
    made.
    """
    path = Path(settings.data_dir) / PEPPER
    if not _is_sqlite(settings) or not (needed or path.exists()):
        return {}
    text = _kept(path, lambda: secrets.token_hex(SECRET_BYTES), "data_dir")
    if len(text.encode()) < SECRET_BYTES:
        raise _fault("data_dir", f"{path} is no pepper; expected at least {SECRET_BYTES} bytes")
    return {LOCAL: text}


def master_keys(settings: Settings) -> dict[str, bytes]:
    """Return the master keys by name, 32 bytes each: those of the settings.

    Where the store is SQLite, also the one of `data_dir`, after them; made where there is no other.
    Raises ConfigError as above.
    """
    configured = {n: base64.b64decode(t) for n, t in settings.store.master_keys.items()}
    path = Path(settings.data_dir) / MASTER_KEY
    if not _is_sqlite(settings) or (configured and not path.exists()):
        return configured
    text = _kept(
        path, lambda: base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode(), "data_dir"
    )
    try:
        key = base64.b64decode(text, validate=True)
    except ValueError:
        key = b""
    if len(key) != SECRET_BYTES:
        message = f"{path} is no master key; expected {SECRET_BYTES} bytes in base64"
        raise _fault("data_dir", message)
    return {**configured, LOCAL: key, **configured}


def secret_faults(settings: Settings, peppers: Mapping[str, str]) -> list[Fault]:
    """Return what PostgreSQL needs and the file does not say: peppers and a master key."""
    if not settings.store.url.startswith("postgresql:"):
        return []
    faults = []
    if not peppers:
        message = (
            "found none; every replica needs the same one to know stored keys by: expected "
            '`peppers: {main: "${file:/path}"}`, at least 32 bytes, as `openssl rand -hex 32` '
            "writes"
        )
        faults.append(Fault("peppers", 0, message))
    if not settings.store.master_keys:
        message = (
            "found none; every replica needs the same one to open stored secrets with: expected "
            '`master_keys: {main: "${file:/path}"}`, as `openssl rand -base64 32` writes'
        )
        faults.append(Fault("store.master_keys", 0, message))
    return faults


def token_file(settings: Settings) -> Path | None:
    """Return where the first admin token is; None where PostgreSQL is without a `token_file`."""
    if settings.admin.token_file is not None:
        return Path(settings.admin.token_file)
    return Path(settings.data_dir) / TOKEN if _is_sqlite(settings) else None


def first_token(settings: Settings) -> FirstToken | None:
    """Make the first admin token where there is none yet; never reads or returns the token itself.

    None where no file is named and the store is not SQLite. Raises ConfigError where it cannot be
    made.
    """
    path = token_file(settings)
    if path is None:
        return None
    where = "data_dir" if settings.admin.token_file is None else "admin.token_file"
    made = _made(path, lambda: new_key(settings.region.name, prefix="sga"), where)
    return FirstToken(path, made)


def _is_sqlite(settings: Settings) -> bool:
    return settings.store.url.startswith("sqlite:")


def _kept(path: Path, make: Callable[[], str], where: str) -> str:
    """Return the text of a file, made where it is not there; a line's end does not count."""
    _made(path, make, where)
    try:
        return path.read_text(encoding="utf-8").removesuffix("\n")
    except (OSError, UnicodeError):
        raise _fault(where, f"{path} cannot be read; expected a text file of ours") from None


def _made(path: Path, make: Callable[[], str], where: str) -> bool:
    """Make a file where it is not there; otherwise warn where others may read it."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return _make(path, make, where)
    except OSError as error:
        raise _fault(where, f"{path} cannot be looked at: {error.strerror}") from None
    if open_to(found) != "nobody":
        log = structlog.get_logger()
        log.warning("file_open_to_others", file=str(path), mode=mode_of(found))
    return False


def _make(path: Path, make: Callable[[], str], where: str) -> bool:
    try:
        if where == "data_dir":
            private_folder(path.parent)
        return create(path, make().encode() + b"\n")
    except OSError as error:
        raise _fault(where, f"{path} cannot be made: {error.strerror}") from None


def _fault(where: str, message: str) -> ConfigError:
    return ConfigError([Fault(where, 0, message)])
