"""What an operator brings before a release: certificates, and one Secret of all passwords."""

from __future__ import annotations

import base64
import secrets
from typing import Any

from rehearsal.database import OWNER, RUNNER, Database
from sluicegate.model.key import new_key
from support.certificates import Authority, Pair

HOST = "gateway.example"
"""What clients call the gateway."""
SERVICES = ("api-gateway", "api-gateway-management")
TAILS = ("", ".default", ".default.svc", ".default.svc.cluster.local")
SECRETS = "gateway-secrets"

Manifest = dict[str, Any]


def secret(name: str, data: dict[str, str]) -> Manifest:
    """Return a Secret as the API server has it."""
    coded = {key: base64.b64encode(value.encode()).decode() for key, value in data.items()}
    kind = {"apiVersion": "v1", "kind": "Secret", "type": "Opaque"}
    return {**kind, "metadata": {"name": name}, "data": coded}


def certificates(authority: Authority) -> list[Manifest]:
    """Return the Secrets that cert-manager, or an operator, would keep."""
    inner = [service + tail for service in SERVICES for tail in TAILS]
    # One by one: OpenSSL takes no wildcard with one label behind it, as `*.valkey` would be.
    valkeys = ["localhost", *(f"valkey-{n}.valkey{tail}" for n in range(3) for tail in TAILS)]
    return [
        _pair(authority, "edge", authority.issue([HOST])),
        _pair(authority, "gateway-certificate", authority.issue([*inner, "localhost"])),
        _pair(authority, "valkey-certificate", authority.issue(valkeys)),
    ]


def passwords(database: Database, region: str) -> dict[str, str]:
    """Return the keys of the chart's Secret, made up."""
    return {
        "database-username": RUNNER,
        "database-password": database.password,
        "migration-username": OWNER,
        "migration-password": database.owner_password,
        "state-password": secrets.token_hex(16),
        "valkey-password": secrets.token_hex(16),
        "admin-token": new_key(region, prefix="sga"),
        "pepper-1": secrets.token_hex(32),
        "master-key-1": base64.b64encode(secrets.token_bytes(32)).decode(),
    }


def _pair(authority: Authority, name: str, pair: Pair) -> Manifest:
    made = secret(
        name,
        {
            "tls.crt": pair.certificate.read_text(),
            "tls.key": pair.key.read_text(),
            "ca.crt": authority.ca.read_text(),
        },
    )
    return {**made, "type": "kubernetes.io/tls"}
