"""The TLS files that a configuration names: made absolute, and tried before they are needed."""

from __future__ import annotations

import ssl
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from msgspec.structs import replace

from sluicegate.model.service import UpstreamTls
from sluicegate.snapshot.draft import Draft
from sluicegate.snapshot.source import Source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sluicegate.settings import ListenerTls
    from sluicegate.snapshot.document import Document
    from sluicegate.snapshot.places import Place

SECTIONS: Final = ("services", "providers")
"""Where there may be `tls` for what we connect to."""
FIELDS: Final = ("ca", "certificate", "key")
"""Fields of such `tls` that are paths."""
MAX_BYTES: Final = 2**20
"""Of a file that something stored names. The system's authorities are a quarter of it."""
KEY_ALONE: Final = "a key alone; expected `certificate` beside it"
UNUSABLE: Final = (
    "cannot be used; expected the path, on every replica, of a PEM file of certificates, or of a "
    "certificate and of its unencrypted key; the gateway's user has to be able to read them"
)


class Mark(NamedTuple):
    """What a file looks like from outside; `seen` is None where it cannot be looked at."""

    path: str
    seen: tuple[int, int, int] | None


def mark(path: str) -> Mark:
    """Look at a file: its number, when it was changed (ns), its size."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return Mark(path, None)
    return Mark(path, (found.st_ino, found.st_mtime_ns, found.st_size))


def _upstream(document: Document) -> Iterator[tuple[Place, UpstreamTls]]:
    """Give the settings of TLS of services and providers, and where they stand."""
    for name, service in document.services.items():
        yield ("services", name, "tls"), service.tls
    for name, provider in document.providers.items():
        yield ("providers", name, "tls"), provider.tls


def paths_of(document: Document) -> list[str]:
    """Return the files that services and providers name."""
    found = [getattr(tls, field) for _, tls in _upstream(document) for field in FIELDS]
    return [path for path in found if path is not None]


def absolute(document: Document, folder: Path) -> Document:
    """Let relative paths of TLS files start at `folder`."""

    def put(path: str) -> str:
        return str(folder / path)

    def put_optional(path: str | None) -> str | None:
        return None if path is None else put(path)

    gateway = document.gateway
    if gateway.tls is not None:
        certificates = [
            replace(c, certificate=put(c.certificate), key=put(c.key))
            for c in gateway.tls.certificates
        ]
        client_ca = put_optional(gateway.tls.client_ca)
        tls = replace(gateway.tls, certificates=certificates, client_ca=client_ca)
        gateway = replace(gateway, tls=tls)

    def put_all(tls: UpstreamTls) -> UpstreamTls:
        return replace(tls, **{field: put_optional(getattr(tls, field)) for field in FIELDS})

    services = {n: replace(s, tls=put_all(s.tls)) for n, s in document.services.items()}
    providers = {n: replace(p, tls=put_all(p.tls)) for n, p in document.providers.items()}
    return replace(document, gateway=gateway, services=services, providers=providers)


def check_listener(draft: Draft, document: Document) -> None:
    """Complain about files of the listener that are missing, not PEM, or do not belong together."""
    if document.gateway.tls is not None:
        _check_listener(draft, document.gateway.tls)


def check_upstreams(draft: Draft, document: Document) -> None:
    """Complain about those of services and providers."""
    for place, tls in _upstream(document):
        _check_upstream(draft, place, tls)


def check_stored_upstreams(draft: Draft, document: Document) -> None:
    """Complain about those of stored ones, in one form of words.

    Whoever may write these names any path: what is said must not tell whether there is such a
    file, whether it can be read, and what it holds.
    """
    for place, tls in _upstream(document):
        if tls.key is not None and tls.certificate is None:
            draft.complain((*place, "key"), KEY_ALONE)
        for field, part, paths in (
            ("ca", UpstreamTls(ca=tls.ca), [tls.ca]),
            ("certificate", replace(tls, ca=None), [tls.certificate, tls.key]),
        ):
            if paths[0] is None:
                continue
            tried = Draft(Source({}, None, []))
            if all(_is_small(path) for path in paths if path is not None):
                _check_upstream(tried, place, part)
            else:
                tried.complain(place, UNUSABLE)
            if tried.faults:
                draft.complain((*place, field), UNUSABLE)


def _is_small(path: str) -> bool:
    """Whether reading it ends: no device, no pipe, and not larger than such files are."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= MAX_BYTES


def _check_listener(draft: Draft, tls: ListenerTls) -> None:
    place: Place = ("gateway", "tls")
    for position, pair in enumerate(tls.certificates):
        where = (*place, "certificates", position)
        _check_pair(draft, where, pair.certificate, pair.key)
    if tls.client_ca is not None:
        _check_authorities(draft, (*place, "client_ca"), tls.client_ca)
    elif tls.client_certificate == "required":
        message = "no client could connect; expected `client_ca` beside it"
        draft.complain((*place, "client_certificate"), message)


def _check_upstream(draft: Draft, place: Place, tls: UpstreamTls) -> None:
    if tls.ca is not None:
        _check_authorities(draft, (*place, "ca"), tls.ca)
    if tls.certificate is not None:
        _check_pair(draft, place, tls.certificate, tls.key)
    elif tls.key is not None:
        draft.complain((*place, "key"), KEY_ALONE)


def _check_pair(draft: Draft, place: Place, certificate: str, key: str | None) -> None:
    readable = [
        _check_readable(draft, (*place, field), path)
        for field, path in (("certificate", certificate), ("key", key))
        if path is not None
    ]
    if not all(readable):
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        # An empty password: a key that is encrypted is a fault, not a prompt.
        context.load_cert_chain(certificate, key, password="")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            message = "the key does not belong to the certificate"
        else:
            message = "expected PEM files: a certificate with its chain, and an unencrypted key"
        draft.complain(place, message)
    except ValueError:
        draft.complain((*place, "key"), "the key is encrypted; expected one without a passphrase")


def _check_authorities(draft: Draft, place: Place, path: str) -> None:
    if not _check_readable(draft, place, path):
        return
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=path)
    except ssl.SSLError:
        draft.complain(place, f"{path} holds no certificate; expected a PEM file of authorities")


def _check_readable(draft: Draft, place: Place, path: str) -> bool:
    try:
        with Path(path).open("rb"):
            return True
    except OSError as error:
        draft.complain(place, f"cannot read {path}: {error.strerror}")
    except ValueError:
        draft.complain(place, f"found {draft.show(place, path)}; expected a path")
    return False
