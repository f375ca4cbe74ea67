"""OAuth tokens of Google: of a service account, or by the usual chain (environment, metadata).

Source: google-auth 2.62 `oauth2/service_account.py`, `_default.py`, `transport/urllib3.py`.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC
from typing import Any, Final

SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"


def tokens(account: str | None) -> Callable[[], tuple[str, int | None]]:
    """Return what asks for a token; each call blocks. Raises what google-auth does.

    `account` is the JSON of a service account; None for the chain.
    """
    found: list[Any] = []

    def fetch() -> tuple[str, int | None]:
        import google.auth.transport.urllib3  # noqa: PLC0415 - for those who need it
        import urllib3  # noqa: PLC0415 - same

        if not found:
            found.append(_credentials(account))
        pool = urllib3.PoolManager(timeout=10.0)
        request = google.auth.transport.urllib3.Request(pool)  # type: ignore[no-untyped-call]
        found[0].refresh(request)
        expires = found[0].expiry  # UTC, without a zone
        ends_us = expires and int(expires.replace(tzinfo=UTC).timestamp() * 1_000_000)
        return found[0].token, ends_us

    return fetch


def _credentials(account: str | None) -> Any:  # noqa: ANN401 - google-auth has several kinds
    import google.auth  # noqa: PLC0415 - for those who need it
    from google.oauth2 import service_account  # noqa: PLC0415 - same

    if account is None:
        return google.auth.default(scopes=[SCOPE])[0]
    # Of no other kind: some run programs, or ask servers, that whoever wrote the JSON names.
    load: Any = service_account.Credentials.from_service_account_info
    return load(json.loads(account), scopes=[SCOPE])
