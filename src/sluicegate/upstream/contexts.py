"""TLS contexts towards targets: one for equal settings, read again at a reload.

Loading the authorities of a system takes tens of milliseconds and a megabyte, so services share
what they can. A pool asks for its context at each new connection; connections that are open stay.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sluicegate.wire.tls import client_context

if TYPE_CHECKING:
    import ssl

    from sluicegate.model.service import UpstreamTls


class ClientContexts:
    """The contexts of one worker."""

    __slots__ = ("_contexts",)

    def __init__(self) -> None:
        """Start with none."""
        self._contexts: dict[UpstreamTls, ssl.SSLContext] = {}

    def of(self, tls: UpstreamTls) -> ssl.SSLContext:
        """Return the context for `tls`. Raises ConfigError naming the file at fault."""
        context = self._contexts.get(tls)
        if context is None:
            context = self._contexts[tls] = client_context(tls)
        return context

    def reload(self) -> None:
        """Read all files again. Raises ConfigError and keeps what was. Blocks: not for the loop."""
        self._contexts = {tls: client_context(tls) for tls in list(self._contexts)}
