"""TLS inside the cluster: who has a certificate for which names, from where, and what stays."""

from __future__ import annotations

import base64
from functools import cache
from typing import Any

import pytest
from cryptography import x509
from cryptography.x509.verification import PolicyBuilder, Store

from support.helm import LEAST, Manifest, Refused, application, of_kind, one, render

MINE = {"gateway": "gateway-mine", "valkey": "valkey-mine"}


@cache
def least() -> list[Manifest]:
    return render((), LEAST)


def certificate(secret: Manifest, name: str = "tls.crt") -> x509.Certificate:
    return x509.load_pem_x509_certificate(base64.b64decode(secret["data"][name]))


@pytest.mark.parametrize(
    ("secret", "names"),
    [
        ("gateway-tls", ["api-gateway.gateway.svc", "api-gateway-management", "localhost"]),
        ("valkey-tls", ["valkey-0.valkey", "valkey-2.valkey.gateway.svc", "localhost"]),
    ],
)
def test_generated_certificates_are_for_the_names_that_pods_ask_for(
    secret: str, names: list[str]
) -> None:
    found = one(least(), "Secret", secret)
    leaf, authority = certificate(found), certificate(found, "ca.crt")
    for name in names:
        verifier = PolicyBuilder().store(Store([authority]))
        assert verifier.build_server_verifier(x509.DNSName(name)).verify(leaf, [])


def test_one_authority_signs_all_and_its_key_is_in_no_pod() -> None:
    manifests = least()
    secrets = [one(manifests, "Secret", name) for name in ("gateway-tls", "valkey-tls")]
    authorities = {secret["data"]["ca.crt"] for secret in secrets}
    key = one(manifests, "Secret", "internal-ca")
    assert authorities == {key["data"]["tls.crt"]}
    public = one(manifests, "ConfigMap", "gateway-ca")["data"]["ca.crt"]
    assert public.strip() == base64.b64decode(key["data"]["tls.crt"]).decode().strip()
    pods = of_kind(manifests, "Deployment", "StatefulSet", "Job", "Pod")
    assert "internal-ca" not in str(pods)


def test_a_name_of_ones_own_is_added() -> None:
    manifests = render((), {**LEAST, "tls": {"names": ["gateway.example"]}})
    leaf = certificate(one(manifests, "Secret", "gateway-tls"))
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "gateway.example" in names.get_values_for_type(x509.DNSName)


def test_the_gateway_speaks_tls_on_both_ports() -> None:
    settings = application(least())
    for part in ("gateway", "management"):
        (pair,) = settings[part]["tls"]["certificates"]
        assert pair["certificate"].endswith("/tls.crt")


def test_cert_manager_is_asked_for_the_same_names() -> None:
    issuer = {"name": "internal", "kind": "Issuer"}
    values = {"source": "certManager", "certManager": {"issuer": issuer}}
    manifests = render((), {**LEAST, "tls": values})
    assert not of_kind(manifests, "Secret")
    for name in ("gateway-tls", "valkey-tls"):
        spec = one(manifests, "Certificate", name)["spec"]
        assert spec["secretName"] == name
        assert spec["issuerRef"]["name"] == "internal"
    assert "valkey-1.valkey" in one(manifests, "Certificate", "valkey-tls")["spec"]["dnsNames"]


def test_secrets_of_ones_own_are_mounted() -> None:
    manifests = render((), {**LEAST, "tls": {"source": "secret", "secret": MINE}})
    assert not of_kind(manifests, "Secret", "Certificate")
    for kind, name, secret in (
        ("Deployment", "gateway", "gateway-mine"),
        ("StatefulSet", "valkey", "valkey-mine"),
    ):
        volumes = one(manifests, kind, name)["spec"]["template"]["spec"]["volumes"]
        (tls,) = [each["secret"] for each in volumes if each["name"] == "tls"]
        assert tls["secretName"] == secret


@pytest.mark.parametrize(
    ("tls", "message"),
    [
        ({"source": "certManager"}, r"tls\.certManager\.issuer\.name: expected"),
        ({"source": "secret", "secret": {"valkey": "v"}}, r"tls\.secret\.gateway: expected"),
        ({"source": "secret", "secret": {"gateway": "g"}}, r"tls\.secret\.valkey: expected"),
        ({"source": "letsencrypt"}, "tls.*source"),
    ],
    ids=str,
)
def test_what_a_source_needs_is_asked_for_by_name(tls: dict[str, Any], message: str) -> None:
    with pytest.raises(Refused, match=message):
        render((), {**LEAST, "tls": tls})
