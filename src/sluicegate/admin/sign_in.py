"""Signing in: from the `Authorization` of a request to who is asking, or a refusal that is logged.

Order: a token over plain HTTP from another machine is refused unread; the first token is compared
from memory; an address that has failed too often waits; then the store is asked.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import TYPE_CHECKING, Final

import structlog

from sluicegate.admin.attempts import Attempts
from sluicegate.admin.identity import Who
from sluicegate.admin.token_file import NAME, TokenFile
from sluicegate.admin.tokens import Tokens, token_name
from sluicegate.errors import ABNORMAL_USAGE, FORBIDDEN, UNAUTHENTICATED, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from sluicegate.admin.control import Control
    from sluicegate.clock import Clock
    from sluicegate.metrics import Metrics

CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="sluicegate"')
INVALID: Final = (b"www-authenticate", b'Bearer realm="sluicegate", error="invalid_token"')
"""RFC 6750, section 3."""
LONGEST: Final = 512
"""Characters; longer ones are no tokens of ours."""


class SignIn:
    """Lets callers in."""

    def __init__(
        self,
        control: Control,
        clock: Clock,
        metrics: Metrics,
        token_file: Path | None,
        *,
        plain: bool,
    ) -> None:
        """`plain`: tokens of other machines are taken over plain HTTP too."""
        self.tokens = Tokens(control, clock)
        self._file = TokenFile(token_file, clock)
        self._attempts = Attempts(clock)
        self._plain = plain
        self._outcomes = metrics.family(
            "sluicegate_admin_sign_ins_total",
            "counter",
            "Requests to the admin API: `known`, by a valid token; `unknown`, by none or another; "
            "`slowed`, of an address that has failed too often; `plain`, over plain HTTP.",
            ("outcome",),
        )
        for outcome in ("known", "unknown", "slowed", "plain"):
            self._outcomes.cell(outcome)  # from 0, so that a rate sees the first one, too

    async def who(self, authorization: str | None, address: str, scheme: str) -> Who:
        """Return who is asking. Raises Refused (401, 403, 429), StoreAway."""
        if scheme == "http" and not self._plain and not _is_here(address):
            detail = "tokens of other machines are taken over TLS only (`management.tls`)"
            raise self._refused("plain", Refused(FORBIDDEN, detail), address)
        presented = _bearer(authorization)
        if presented is None:
            detail = "expected `Authorization: Bearer` and an admin token"
            raise self._refused("unknown", Refused(UNAUTHENTICATED, detail, (CHALLENGE,)), address)
        if await self._file.matches(presented):
            return self._known(Who(NAME, "admin", None, address))
        wait_s = self._attempts.wait_s(address)
        if wait_s:
            self._outcomes.cell("slowed").value += 1
            headers = ((b"retry-after", b"%d" % wait_s),)
            raise Refused(ABNORMAL_USAGE, "this address has shown too many wrong tokens", headers)
        found = await self.tokens.find(presented)
        if found is None:
            self._attempts.failed(address)
            refused = Refused(UNAUTHENTICATED, "the token is not valid", (INVALID,))
            raise self._refused("unknown", refused, address, token_name(presented))
        name, token = found
        return self._known(Who(name, token.role, token.team, address))

    def _known(self, who: Who) -> Who:
        self._outcomes.cell("known").value += 1
        return who

    def _refused(
        self, outcome: str, refused: Refused, address: str, token: str | None = None
    ) -> Refused:
        self._outcomes.cell(outcome).value += 1
        structlog.get_logger().warning(
            "sign-in refused", audit=True, via=address, token=token, reason=refused.detail
        )
        return refused


def _bearer(authorization: str | None) -> str | None:
    """Return the token of `Authorization: Bearer …` (RFC 6750, section 2.1)."""
    scheme, _, token = (authorization or "").partition(" ")
    token = token.strip()
    if scheme.lower() != "bearer" or not 0 < len(token) <= LONGEST or not token.isascii():
        return None
    return token


def _is_here(address: str) -> bool:
    """Say whether an address is this machine's own loopback."""
    try:
        ip = ip_address(address)
    except ValueError:
        return False
    mapped = getattr(ip, "ipv4_mapped", None)
    return ip.is_loopback or (mapped is not None and mapped.is_loopback)
