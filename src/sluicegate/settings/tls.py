"""TLS towards servers of our own."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from sluicegate.model.resource import Resource


class TlsFiles(Resource, frozen=True, kw_only=True):
    """What a connection to a server is secured with."""

    ca: Annotated[
        str | None, Meta(description="PEM file of authorities; without it, the system's.")
    ] = None
    certificate: Annotated[
        str | None, Meta(description="PEM file of our certificate, where the server asks for one.")
    ] = None
    key: Annotated[str | None, Meta(description="PEM file of its private key.")] = None
