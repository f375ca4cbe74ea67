from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from sluicegate.errors import ConfigError
from sluicegate.snapshot.load import Loaded, load
from sluicegate.snapshot.policies import PolicyCatalog
from support.certificates import Authority


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def loaded(folder: Path, text: str) -> Loaded:
    path = folder / "application.yml"
    path.write_text(text)
    return load(path, {}, PolicyCatalog(()))


def faults(folder: Path, text: str) -> dict[str, str]:
    with pytest.raises(ConfigError) as caught:
        loaded(folder, text)
    return {fault.path: fault.message for fault in caught.value.faults}


def listener(certificate: object, key: object, more: str = "") -> str:
    pair = f"{{certificate: {certificate}, key: {key}}}"
    return f"gateway: {{tls: {{certificates: [{pair}]{more}}}}}\n"


def service(tls: str) -> str:
    return f"services: {{s: {{targets: ['https://a:1'], tls: {{{tls}}}}}}}\n"


def test_relative_paths_start_at_the_folder_of_the_file(
    tmp_path: Path, authority: Authority
) -> None:
    pair = authority.issue()
    text = listener(pair.certificate.name, pair.key.name, f", client_ca: {authority.ca.name}")
    text += service(f"ca: {authority.ca.name}, certificate: {pair.certificate}, key: {pair.key}")
    found = loaded(tmp_path, text)
    tls = found.settings.gateway.tls
    assert tls is not None
    assert tls.certificates[0].certificate == str(pair.certificate)
    assert tls.certificates[0].key == str(pair.key)
    assert tls.client_ca == str(authority.ca)
    assert str(authority.ca).encode() in found.resources.items["service", "s"]


def test_files_of_providers_are_those_of_services(tmp_path: Path, authority: Authority) -> None:
    text = "providers: {p: {kind: openai_compatible, url: 'https://p', tls: {ca: %s}}}\n"
    found = loaded(tmp_path, text % authority.ca.name)
    assert str(authority.ca).encode() in found.resources.items["provider", "p"]
    assert list(faults(tmp_path, text % "gone.pem")) == ["providers.p.tls.ca"]


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    text = listener("a.pem", "b.pem", ", client_ca: c.pem") + service("ca: d.pem")
    assert faults(tmp_path, text) == {
        path: f"cannot read {tmp_path}/{name}.pem: No such file or directory"
        for path, name in (
            ("gateway.tls.certificates[0].certificate", "a"),
            ("gateway.tls.certificates[0].key", "b"),
            ("gateway.tls.client_ca", "c"),
            ("services.s.tls.ca", "d"),
        )
    }


def test_a_key_that_is_not_the_certificates_is_refused(
    tmp_path: Path, authority: Authority
) -> None:
    one, other = authority.issue(), authority.issue()
    assert faults(tmp_path, listener(one.certificate, other.key)) == {
        "gateway.tls.certificates[0]": "the key does not belong to the certificate"
    }


def test_files_that_are_no_pem_are_refused(tmp_path: Path) -> None:
    (tmp_path / "junk").write_text("junk")
    text = listener("junk", "junk") + service("ca: junk")
    assert faults(tmp_path, text) == {
        "gateway.tls.certificates[0]": (
            "expected PEM files: a certificate with its chain, and an unencrypted key"
        ),
        "services.s.tls.ca": (
            f"{tmp_path}/junk holds no certificate; expected a PEM file of authorities"
        ),
    }


def test_an_encrypted_key_is_a_fault_and_never_a_prompt(
    tmp_path: Path, authority: Authority
) -> None:
    pair = authority.issue()
    key = serialization.load_pem_private_key(pair.key.read_bytes(), None)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    encrypted = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"secret"),
    )
    (tmp_path / "locked").write_bytes(encrypted)
    (message,) = faults(tmp_path, listener(pair.certificate, "locked")).values()
    assert "unencrypted" in message or "without a passphrase" in message


def test_half_of_mutual_tls_is_refused(tmp_path: Path, authority: Authority) -> None:
    pair = authority.issue()
    text = listener(pair.certificate, pair.key, ", client_certificate: required")
    text += service(f"key: {pair.key}")
    assert faults(tmp_path, text) == {
        "gateway.tls.client_certificate": "no client could connect; expected `client_ca` beside it",
        "services.s.tls.key": "a key alone; expected `certificate` beside it",
    }
