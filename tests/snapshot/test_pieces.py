from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from sluicegate.settings import Gateway, Settings
from sluicegate.snapshot.pieces import Piece, PieceMaker
from sluicegate.snapshot.policies import PolicyCatalog
from sluicegate.snapshot.stored import canonical
from support.certificates import Authority

SECRETS = {"name": "web", "host": "a.example.org"}


def make(kind: Any, spec: Any, settings: Settings | None = None) -> Piece:
    maker = PieceMaker(PolicyCatalog(()), settings or Settings())
    return maker.make(kind, "it", canonical(spec), SECRETS.__getitem__)


def holds(piece: Piece, secrets: dict[str, str] | None = None) -> bool:
    return piece.holds(piece.content, (SECRETS if secrets is None else secrets).__getitem__)


def paths(piece: Piece) -> list[str]:
    assert (piece.raw is None) is bool(piece.faults)
    return [fault.path for fault in piece.faults]


def test_what_others_have_to_do_with_a_resource_is_told() -> None:
    policies = [{"mirror": {"service": "m"}}, {"rate_limit": {"allow": ["1/day"], "name": "n"}}]
    facts = make("route", {"match": {}, "service": "s", "policies": policies}).facts
    assert sorted(tie.name for tie in facts.ties) == ["m", "s"]
    assert [limit.name for limit in facts.limits] == ["n"]
    assert facts.answers
    assert len(facts.situations) == 1
    assert make("team", {"plan": "p"}).facts.plan == "p"
    assert make("service", {"targets": ["http://a:1"]}).facts.targets == [{}]
    assert make("route", {"match": {}, "ai": {}}).facts.answers
    assert make("provider", {"kind": "anthropic", "key": "${secret:host}"}).facts.dialects == (
        "anthropic_messages",
        "anthropic_count_tokens",
    )
    spec = {"deployments": [{"provider": "p"}], "fallbacks": [{"model": "m"}]}
    assert [tie.name for tie in make("model", spec).facts.ties] == ["p", "m"]


def test_it_holds_while_content_and_secrets_are_the_same() -> None:
    plain = make("service", {"targets": ["http://a:1"]})
    assert holds(plain, {})
    assert not plain.holds(b"{}", SECRETS.__getitem__)
    secret = make("service", {"targets": ["http://${secret:host}:1"]})
    assert holds(secret)
    assert "example.org" not in repr(secret)
    assert not holds(secret, {**SECRETS, "host": "b.example.org"})
    assert not holds(secret, {})


def test_it_holds_while_its_files_are_the_same(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    spec = {"targets": ["https://a:1"], "tls": {"ca": str(ca)}}
    missing = make("service", spec)
    assert paths(missing) == ["services.it.tls.ca"]
    assert holds(missing)
    os.link(Authority(tmp_path, "other").ca, tmp_path / "link")
    (tmp_path / "link").rename(ca)
    assert not holds(missing)
    assert paths(make("service", spec)) == []


def test_a_path_is_absolute() -> None:
    tls = {"certificate": "a.pem", "key": "b/c.pem"}
    piece = make("service", {"targets": ["https://a:1"], "tls": tls})
    assert paths(piece) == ["services.it.tls.certificate", "services.it.tls.key"]
    assert "expected an absolute path" in piece.faults[0].message
    provider = {"kind": "openai_compatible", "url": "https://a:1", "tls": {"ca": "a.pem"}}
    assert paths(make("provider", provider)) == ["providers.it.tls.ca"]


def test_a_name_is_not_written_as_a_reference() -> None:
    piece = make("route", {"match": {}, "service": "${secret:name}"})
    assert paths(piece) == ["routes.it.service"]
    assert piece.faults[0].message == "expected the name itself, without a reference"


@pytest.mark.parametrize("reference", ["${env:HOME}", "${file:/etc/passwd}"])
def test_the_gateways_own_surroundings_are_not_read(reference: str) -> None:
    (fault,) = make("service", {"targets": [f"http://{reference}:1"]}).faults
    assert fault.path == "services.it.targets[0]"
    assert "what is stored may not read the environment or the files" in fault.message
    assert "`sluicegate secret set NAME`" in fault.message


def test_a_limit_that_workers_would_count_alone_is_the_resources_fault(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sluicegate.snapshot.rules.EMBEDDED", "a_package_that_is_not_there")
    spec = {"policies": [{"rate_limit": {"allow": ["1/day"]}}]}
    assert paths(make("plan", spec)) == []
    several = Settings(gateway=Gateway(workers=2))
    assert paths(make("plan", spec, several)) == ["plans.it.policies[0].rate_limit"]
    limited = {"deployments": [{"provider": "p", "concurrent": 3}]}
    assert paths(make("model", limited)) == []
    found = make("model", limited, several)
    assert paths(found) == ["models.it.deployments[0].concurrent"]
    assert "a limit of a deployment" in found.faults[0].message


def test_of_what_is_not_stored_yet_everything_but_secrets_is_looked_at() -> None:
    maker = PieceMaker(PolicyCatalog(()), Settings())
    match = {"path": "/a*", "headers": {"x": "${secret:gone}"}, "host": "${secret:gone}:0"}
    found = [
        fault.path for fault in maker.faults("route", "it", {"match": match, "upgrade": ["a b"]})
    ]
    assert found == ["routes.it.match.path", "routes.it.upgrade[0]"]


def test_a_resource_of_very_many_faults_is_not_looked_at_to_its_end() -> None:
    spec: dict[str, Any] = {"match": {}} | {f"field{number}": 1 for number in range(5000)}
    maker = PieceMaker(PolicyCatalog(()), Settings())
    told = maker.faults("route", "it", spec)
    assert len(told) == len(make("route", spec).faults) == 1001
    assert told[-1].message.startswith("there are more faults")


def test_what_stands_in_for_many_secrets_is_no_fault() -> None:
    spec = {"targets": ["${secret:host}"] * 1500}
    assert PieceMaker(PolicyCatalog(()), Settings()).faults("service", "it", spec) == []


@pytest.mark.parametrize("field", ["ca", "certificate"])
def test_faults_of_tls_files_tell_nothing_of_what_is_on_this_machine(
    tmp_path: Path, field: str
) -> None:
    (tmp_path / "junk").write_text("root:x:0:0")
    os.mkfifo(tmp_path / "pipe")
    told = set()
    for path in (tmp_path / "junk", tmp_path / "gone", tmp_path, tmp_path / "pipe", "/dev/zero"):
        tls = {field: str(path)} | ({"key": str(path)} if field == "certificate" else {})
        (fault,) = make("service", {"targets": ["https://a:1"], "tls": tls}).faults
        told.add((fault.path, fault.message))
    ((path, message),) = told
    assert path == f"services.it.tls.{field}"
    assert message.startswith("cannot be used; expected the path")


def test_tls_files_that_can_be_used_are_no_fault(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    pair, other = authority.issue(), authority.issue()
    tls = {"ca": str(authority.ca), "certificate": str(pair.certificate), "key": str(pair.key)}
    assert not make("service", {"targets": ["https://a:1"], "tls": tls}).faults
    mixed = make("service", {"targets": ["https://a:1"], "tls": tls | {"key": str(other.key)}})
    assert paths(mixed) == ["services.it.tls.certificate"]
