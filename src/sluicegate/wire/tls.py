"""TLS towards clients and towards targets.

One master context lives as long as the listener. It holds no certificate: for each handshake the
SNI callback puts a context of the current bundle in its place, so that a reload is one store, an
open connection keeps what it was opened with, and the next handshake gets the new files. OpenSSL
takes from the chosen context the certificate, the ALPN choice and the authorities for clients;
from the master the versions and whether a client certificate is asked for.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sluicegate.errors import ConfigError, Fault

if TYPE_CHECKING:
    from collections.abc import Callable

    from cryptography import x509

    from sluicegate.model.service import UpstreamTls
    from sluicegate.settings import ListenerTls

ALPN = ["http/1.1"]
HANDSHAKE_TIMEOUT_S = 10.0
"""From accepted to TLS established. Go's net/http advises 10 s, nginx takes 60 s."""


@dataclass(frozen=True, slots=True)
class _Bundle:
    """Everything read from the files at one time."""

    default: ssl.SSLContext
    exact: dict[str, ssl.SSLContext]
    wildcard: dict[str, ssl.SSLContext]
    expires_at: float

    def find(self, name: str | None) -> ssl.SSLContext:
        """Choose by SNI: the very name, then `*.` for its first label (RFC 6125, 6.4.3)."""
        if not name:
            return self.default
        name = name.lower().rstrip(".")
        found = self.exact.get(name) or self.wildcard.get(name.partition(".")[2])
        return found or self.default


class ServerTls:
    """The certificates of a listener, and the context that its handshakes use."""

    def __init__(self, settings: ListenerTls, path: str = "gateway.tls") -> None:
        """Read the files. Raises ConfigError, faults below `path`, that names each bad file."""
        self._settings = settings
        self._path = path
        self._bundle = _load_bundle(settings, path)
        self.context = _server_context(settings, client_ca=None)
        self.context.sni_callback = self._choose

    @property
    def expires_at(self) -> float:
        """When the first certificate of those in use ends, seconds since 1970."""
        return self._bundle.expires_at

    def reload(self) -> None:
        """Read all files anew, for handshakes from now on. Reads files: call it in a thread.

        Raises ConfigError that names each bad file; then everything stays as it was.
        """
        self._bundle = _load_bundle(self._settings, self._path)

    def _choose(
        self, connection: ssl.SSLObject, name: str | None, _master: ssl.SSLContext
    ) -> int | None:
        connection.context = self._bundle.find(name)
        return None


def client_context(tls: UpstreamTls, path: str = "tls") -> ssl.SSLContext:
    """Make the context for connections to `https` targets of one service.

    The name to verify is `tls.server_name`, or else the target's host: pass it as
    `server_hostname`. Raises ConfigError, faults below `path`, that names each bad file. Loading
    the system's authorities takes 20 ms and 1 MB: keep one context for equal settings.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    _harden(context)
    faults: list[Fault] = []
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif tls.ca is None:
        context.load_default_certs(ssl.Purpose.SERVER_AUTH)
    else:
        _attempt(faults, f"{path}.ca", tls.ca, lambda ca: _load_authorities(context, ca))
    if (tls.certificate is None) != (tls.key is None):
        missing = "key" if tls.key is None else "certificate"
        faults.append(Fault(f"{path}.{missing}", 0, "expected `certificate` and `key` together"))
    elif tls.certificate is not None and tls.key is not None:
        _load_pair(faults, path, context, tls.certificate, tls.key)
    if faults:
        raise ConfigError(faults)
    return context


def _load_bundle(settings: ListenerTls, path: str) -> _Bundle:
    faults: list[Fault] = []
    contexts: list[ssl.SSLContext] = []
    exact: dict[str, ssl.SSLContext] = {}
    wildcard: dict[str, ssl.SSLContext] = {}
    ends: list[float] = []
    if settings.client_ca is not None:
        probe = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        where = f"{path}.client_ca"
        _attempt(faults, where, settings.client_ca, lambda ca: _load_authorities(probe, ca))
    for index, each in enumerate(settings.certificates):
        context = _server_context(settings, None if faults else settings.client_ca)
        chain = _load_pair(
            faults, f"{path}.certificates[{index}]", context, each.certificate, each.key
        )
        if not chain:
            continue
        contexts.append(context)
        ends.extend(each.not_valid_after_utc.timestamp() for each in chain)
        for name in _dns_names(chain[0]):
            # The first certificate that has a name gets it, as the first one is the default.
            if name.startswith("*."):
                wildcard.setdefault(name[2:], context)
            else:
                exact.setdefault(name, context)
    if faults:
        raise ConfigError(faults)
    return _Bundle(contexts[0], exact, wildcard, min(ends))


def _server_context(settings: ListenerTls, client_ca: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    _harden(context)
    if settings.client_ca is not None:
        required = settings.client_certificate == "required"
        context.verify_mode = ssl.CERT_REQUIRED if required else ssl.CERT_OPTIONAL
        # A resumed session skips verification, and would outlive an authority that a reload drops.
        context.num_tickets = 0
        context.options |= ssl.OP_NO_TICKET
    if client_ca is not None:
        _load_authorities(context, client_ca)
    return context


def _harden(context: ssl.SSLContext) -> None:
    """TLS 1.2 or newer (RFC 8996), no compression, no renegotiation; Python's cipher list."""
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    context.set_alpn_protocols(ALPN)


def _load_authorities(context: ssl.SSLContext, ca: str) -> None:
    context.load_verify_locations(cafile=ca)


def _load_pair(
    faults: list[Fault], path: str, context: ssl.SSLContext, certificate: str, key: str
) -> list[x509.Certificate]:
    """Load a chain and its key into `context`; return the chain, or add to `faults`."""
    chain: list[x509.Certificate] = []
    before = len(faults)
    where = f"{path}.certificate"
    _attempt(faults, where, certificate, lambda file: chain.extend(_read_chain(file)))
    _attempt(faults, f"{path}.key", key, lambda file: Path(file).read_bytes())
    if len(faults) == before:
        _attempt(
            faults,
            f"{path}.key",
            key,
            lambda file: context.load_cert_chain(certificate, file, password=_refuse_password),
        )
    return chain if len(faults) == before else []


def _attempt(faults: list[Fault], path: str, file: str, load: Callable[[str], object]) -> None:
    """Call `load(file)`; turn what it raises into a fault that names the file, not its content."""
    try:
        load(file)
    except OSError as error:
        if isinstance(error, ssl.SSLError):  # an OSError too; `reason` is OpenSSL's, if it has one
            reason: str | None = _REASONS.get(error.reason or "PEM_LIB", error.reason)
        else:
            reason = error.strerror
        faults.append(Fault(path, 0, f"{file}: {reason}"))
    except ValueError as error:
        faults.append(Fault(path, 0, f"{file}: {error}"))


_REASONS = {
    "KEY_VALUES_MISMATCH": "the key does not belong to the certificate",
    "NO_CERTIFICATE_OR_CRL_FOUND": "expected certificates in PEM form",
    "PEM_LIB": "expected an unencrypted private key in PEM form",
}


def _read_chain(file: str) -> list[x509.Certificate]:
    from cryptography import x509  # noqa: PLC0415 - 9 MB that most workers have no use for

    data = Path(file).read_bytes()
    with suppress(ValueError):
        return x509.load_pem_x509_certificates(data)
    raise ValueError("expected certificates in PEM form")


def _refuse_password() -> str:
    """Stand in for OpenSSL's prompt, which would wait at a terminal that a server lacks."""
    raise ValueError("the key is encrypted: expected an unencrypted private key in PEM form")


def _dns_names(certificate: x509.Certificate) -> list[str]:
    """Return the names that the certificate is for, in lower case; the subject does not count."""
    from cryptography import x509  # noqa: PLC0415 - as above

    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except (x509.ExtensionNotFound, ValueError):
        return []
    return [name.lower() for name in extension.value.get_values_for_type(x509.DNSName)]
