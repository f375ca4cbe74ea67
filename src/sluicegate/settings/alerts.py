"""Settings of alerts: whom budgets tell that much of them was spent."""

from __future__ import annotations

from base64 import b64decode
from typing import Annotated, Final

from msgspec import Meta

from sluicegate.model.resource import FieldFault, Resource
from sluicegate.model.units import Duration

MOST_S: Final = 60


class Alerts(Resource, frozen=True, kw_only=True):
    """Alerts of budgets, for people: as metrics, in the log, and to a webhook."""

    webhook: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^https?://[^/?#\s@]+(/[^?#\s]*)?(\?[^#\s]*)?$(?!\n)",
                extra={"expected": "a URL such as `https://hooks.example.com/budgets`"},
            ),
        ]
        | None,
        Meta(
            description="Where each alert is sent, by POST, as JSON. By reference where the URL "
            "itself is a secret."
        ),
    ] = None
    secret: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"^(whsec_)?[A-Za-z0-9+/]{32,88}={0,2}$(?!\n)",
                extra={"expected": "24 to 64 bytes in base64, as `openssl rand -base64 32` writes"},
            ),
        ]
        | None,
        Meta(
            description="What alerts are signed with, by reference: HMAC-SHA-256 in "
            "`webhook-signature`, as Standard Webhooks has it. Without it they are not signed."
        ),
    ] = None
    timeout: Annotated[
        Duration, Meta(description="Of one delivery. Standard Webhooks advises 15 s to 30 s.")
    ] = Duration(15)
    retries: Annotated[
        int,
        Meta(
            ge=0,
            le=20,
            description="After a delivery that has failed: after 1 s, 2 s, 4 s and so on, at most "
            "5 minutes apart. 12 of them take half an hour.",
        ),
    ] = 12
    private_networks: Annotated[
        list[str],
        Meta(
            description="Networks that the webhook may be in, beside public addresses.",
            examples=[["10.0.0.0/8", "127.0.0.1"]],
        ),
    ] = []

    def __post_init__(self) -> None:
        """Refuse what nobody could keep."""
        if not 0 < self.timeout <= MOST_S:
            raise FieldFault(("timeout",), f"found {self.timeout}; expected more than 0, to `60s`")
        if self.secret is not None and self.webhook is None:
            message = "nothing is sent that it could sign: set `webhook`, or leave it out"
            raise FieldFault(("secret",), message)
        try:
            b64decode((self.secret or "").removeprefix("whsec_"), validate=True)
        except ValueError:
            raise FieldFault(("secret",), "it is not base64: its length is wrong") from None

    def __repr__(self) -> str:
        """Show what is no secret."""
        return f"Alerts(webhook={'…' if self.webhook else None}, …)"
