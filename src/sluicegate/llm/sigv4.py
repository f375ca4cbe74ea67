"""AWS Signature Version 4: header lines that show that a request is ours. Sans I/O.

Source: AWS, "Create a signed AWS API request"; compared with botocore's `auth.SigV4Auth` in tests.
The payload is always signed. Paths are escaped once more than they are sent (every service but S3).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote

ALGORITHM: Final = "AWS4-HMAC-SHA256"


class AwsSecret:
    """Credentials of AWS; `token` is "" where they are no temporary ones."""

    __slots__ = ("key_id", "secret", "token")

    def __init__(self, key_id: str, secret: str, token: str = "") -> None:
        """Keep them."""
        self.key_id = key_id
        self.secret = secret
        self.token = token


class Signer:
    """Signs requests to one service in one region. Keeps the key of the day."""

    __slots__ = ("_day", "_key", "_of", "_region", "_service")

    def __init__(self, service: str, region: str) -> None:
        """`service` is the signing name, such as `bedrock`."""
        self._service = service
        self._region = region
        self._day = ""
        self._of: AwsSecret | None = None
        self._key = b""

    def sign(
        self,
        secret: AwsSecret,
        wall_us: int,
        method: str,
        path: str,
        query: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> list[tuple[bytes, bytes]]:
        """Return the headers to add. `headers` are those to sign: lower case, `host` among them.

        `path` and `query` are as they are sent, `path` without dot segments; `wall_us` is now.
        """
        moment = datetime.fromtimestamp(wall_us // 1_000_000, UTC).strftime("%Y%m%dT%H%M%SZ")
        signed = [*headers, ("x-amz-date", moment)]
        if secret.token:
            signed.append(("x-amz-security-token", secret.token))
        canonical: dict[str, list[str]] = {}
        for name, value in signed:
            canonical.setdefault(name, []).append(" ".join(value.split()))
        names = sorted(canonical)
        listed = ";".join(names)
        lines = "".join(f"{name}:{','.join(canonical[name])}\n" for name in names)
        request = (
            f"{method}\n{quote(path, safe='/~')}\n{_sorted(query)}\n{lines}\n{listed}\n"
            f"{hashlib.sha256(body).hexdigest()}"
        )
        day = moment[:8]
        scope = f"{day}/{self._region}/{self._service}/aws4_request"
        digest = hashlib.sha256(request.encode()).hexdigest()
        to_sign = f"{ALGORITHM}\n{moment}\n{scope}\n{digest}"
        signature = _mac(self._key_of(secret, day), to_sign).hex()
        shown = (
            f"{ALGORITHM} Credential={secret.key_id}/{scope}, SignedHeaders={listed}, "
            f"Signature={signature}"
        )
        added = [(b"x-amz-date", moment.encode()), (b"authorization", shown.encode())]
        if secret.token:
            added.append((b"x-amz-security-token", secret.token.encode()))
        return added

    def _key_of(self, secret: AwsSecret, day: str) -> bytes:
        if day != self._day or secret is not self._of:
            key = _mac(f"AWS4{secret.secret}".encode(), day)
            for step in (self._region, self._service, "aws4_request"):
                key = _mac(key, step)
            self._day, self._of, self._key = day, secret, key
        return self._key


def _mac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")


def _sorted(query: str) -> str:
    if not query:
        return ""
    pairs = [part.partition("=") for part in query.split("&")]
    return "&".join(f"{name}={value}" for name, value in sorted((n, v) for n, _, v in pairs))
