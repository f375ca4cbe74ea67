"""Credentials of AWS by the usual chain: environment, profile, SSO, container, instance.

Source: botocore 1.44 `credentials.py`. Its session is built once; `get_frozen_credentials` renews
what it has when less than 15 minutes are left.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sluicegate.llm.sigv4 import AwsSecret


def chain() -> Callable[[], tuple[AwsSecret, int | None]]:
    """Return what asks the chain; each call blocks. Raises LookupError where it knows nothing."""
    found: list[Any] = []

    def fetch() -> tuple[AwsSecret, int | None]:
        if not found:
            import botocore.session  # noqa: PLC0415 - 0.2 s and 10 MB for those who need it

            credentials = botocore.session.Session().get_credentials()
            if credentials is None:
                raise LookupError("the chain of AWS knows no credentials")
            found.append(credentials)
        frozen = found[0].get_frozen_credentials()
        secret = AwsSecret(frozen.access_key, frozen.secret_key, frozen.token or "")
        ends_us = _end_us(found[0])
        if ends_us is None:
            found.clear()  # static ones are read anew each time
        return secret, ends_us

    return fetch


def _end_us(credentials: Any) -> int | None:  # noqa: ANN401 - botocore has no types
    """Return when they end, in wall-clock µs; None where they do not."""
    expires = getattr(credentials, "_expiry_time", None)  # there is no public word for it
    return None if expires is None else int(expires.timestamp() * 1_000_000)
