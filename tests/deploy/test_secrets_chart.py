"""Where credentials come from, and that they are nowhere but in Secrets."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from support.helm import LEAST, Manifest, Refused, hook_of, of_kind, one, pod_of, render

KEYS = {
    "database-username", "database-password", "migration-username", "migration-password",
    "state-password", "valkey-password", "admin-token", "pepper-1", "master-key-1",
}  # fmt: skip
REMOTE = {"store": {"name": "vault"}, "remoteSecret": "sluicegate/production"}
GENERATED = {**LEAST, "secrets": {"source": "generated"}}


def external(**settings: Any) -> dict[str, Any]:
    return {**LEAST, "secrets": {"source": "externalSecrets", "externalSecrets": settings}}


def asked_for(manifests: list[Manifest]) -> dict[str, set[str]]:
    """Return the keys that pods take from each Secret, but for those they can do without."""
    found: dict[str, set[str]] = {}
    for manifest in manifests:
        pod = pod_of(manifest)
        for container in (pod or {"spec": {"containers": []}})["spec"]["containers"]:
            for entry in container.get("env", []):
                source = entry.get("valueFrom", {}).get("secretKeyRef", {})
                if source and not source.get("optional"):
                    found.setdefault(source["name"], set()).add(source["key"])
        for volume in (pod or {"spec": {}})["spec"].get("volumes", []):
            for item in volume.get("secret", {}).get("items", []):
                found.setdefault(volume["secret"]["secretName"], set()).add(item["key"])
    return found


def test_an_existing_secret_is_used_and_none_is_made() -> None:
    manifests = render((), LEAST)
    made = [each["metadata"]["name"] for each in of_kind(manifests, "Secret", "ExternalSecret")]
    assert "gateway-secrets" not in made
    assert asked_for(manifests) == {"gateway-secrets": KEYS}


@pytest.mark.parametrize(
    "values", [GENERATED, external(**REMOTE)], ids=["generated", "externalSecrets"]
)
def test_whatever_a_pod_asks_for_is_made(values: dict[str, Any]) -> None:
    manifests = render((), values)
    for name, keys in asked_for(manifests).items():
        assert keys <= made(manifests, name), name


def made(manifests: list[Manifest], name: str) -> set[str]:
    (found,) = [
        each
        for each in of_kind(manifests, "Secret", "ExternalSecret")
        if each["metadata"]["name"] == name
    ]
    if found["kind"] == "Secret":
        return set(found["data"])
    return {each["secretKey"] for each in found["spec"]["data"]}


@pytest.mark.parametrize(
    "values", [GENERATED, external(**REMOTE)], ids=["generated", "externalSecrets"]
)
def test_migrations_find_their_secret_before_anything_else_is_there(values: dict[str, Any]) -> None:
    manifests = render((), values)
    (before,) = [
        each
        for each in of_kind(manifests, "Secret", "ExternalSecret")
        if each["metadata"]["name"] == "gateway-secrets-migration"
    ]
    assert hook_of(before) == {"pre-install", "pre-upgrade"}
    (job,) = [each for each in of_kind(manifests, "Job") if "pre-install" in hook_of(each)]
    weights = [
        int(each["metadata"]["annotations"]["helm.sh/hook-weight"]) for each in (before, job)
    ]
    assert weights[0] < weights[1]
    assert set(asked_for([job])) == {"gateway-secrets-migration"}


def test_generated_secrets_are_strong_different_and_kept() -> None:
    secret = one(render((), GENERATED), "Secret", "gateway-secrets")
    values = {key: base64.b64decode(value) for key, value in secret["data"].items()}
    made_up = [value for key, value in values.items() if not key.endswith("username")]
    assert len(set(made_up)) == len(made_up)
    assert all(len(value) >= 32 for value in made_up)
    assert len(base64.b64decode(values["master-key-1"])) == 32
    assert secret["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep"


def test_nothing_generated_is_anywhere_but_in_secrets() -> None:
    manifests = render((), GENERATED)
    data = one(manifests, "Secret", "gateway-secrets")["data"]
    elsewhere = str([each for each in manifests if each["kind"] != "Secret"])
    for key, value in data.items():
        if not key.endswith("username"):
            assert value not in elsewhere, key
            assert base64.b64decode(value).decode() not in elsewhere, key


def test_external_secrets_are_properties_of_one_or_secrets_with_a_prefix() -> None:
    (first, *_) = made_by(render((), external(**REMOTE)))
    assert first["remoteRef"] == {"key": "sluicegate/production", "property": first["secretKey"]}
    prefixed = external(store={"name": "vault"}, prefix="sluicegate-")
    (first, *_) = made_by(render((), prefixed))
    assert first["remoteRef"] == {"key": f"sluicegate-{first['secretKey']}"}


def made_by(manifests: list[Manifest]) -> list[dict[str, Any]]:
    data: list[dict[str, Any]] = one(manifests, "ExternalSecret", "gateway-secrets")["spec"]["data"]
    return data


def test_a_second_password_is_fetched_while_one_is_being_changed() -> None:
    also = ["state-password-also", "valkey-password-also"]
    manifests = render((), external(**REMOTE, also=also))
    usual = made(render((), external(**REMOTE)), "gateway-secrets")
    assert made(manifests, "gateway-secrets") == {*usual, *also}
    assert not made(manifests, "gateway-secrets-migration") & set(also)


def test_a_second_pepper_and_master_key_are_asked_for_by_name() -> None:
    names = {"peppers": ["2", "1"], "masterKeys": ["1", "2"], "source": "generated"}
    secret = one(render((), {**LEAST, "secrets": names}), "Secret", "gateway-secrets")
    assert {"pepper-2", "pepper-1", "master-key-2"} <= set(secret["data"])


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"remoteSecret": "x"}, r"externalSecrets\.store\.name: expected"),
        ({"store": {"name": "v"}}, r"externalSecrets\.remoteSecret: expected"),
        ({**REMOTE, "prefix": "y"}, "found both"),
        ({**REMOTE, "also": ["pepper-also"]}, "state-password-also"),
    ],
    ids=str,
)
def test_what_external_secrets_need_is_asked_for_by_name(
    settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(Refused, match=message):
        render((), external(**settings))
