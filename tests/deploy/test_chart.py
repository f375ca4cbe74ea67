"""The chart as a whole: every profile, both helms, several Kubernetes, the gateway's check."""

from __future__ import annotations

import base64
import os
import re
import secrets
import subprocess
import sys
from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

from sluicegate.settings import Settings
from sluicegate.snapshot.document import Document
from support.certificates import Authority
from support.chart_verdicts import CUSTOM, KUBERNETES, main
from support.helm import (
    CHART,
    HELMS,
    PROFILES,
    ROOT,
    Manifest,
    helm_output,
    of_kind,
    one,
    plain,
    pod_of,
)
from support.profiles import NAMES, lint_profile


@pytest.mark.parametrize("profile", NAMES)
def test_both_helms_make_the_same_objects_of_a_profile(profile: str, rendered: Any) -> None:
    made = [
        sorted((m["kind"], m["metadata"]["name"]) for m in rendered(profile, helm))
        for helm in HELMS
    ]
    assert made[0] == made[1]
    assert ("Deployment", "gateway") in made[0]


@pytest.mark.parametrize("helm", HELMS)
@pytest.mark.parametrize("profile", NAMES)
def test_a_strict_lint_finds_nothing_in_a_profile(profile: str, helm: str) -> None:
    assert "0 chart(s) failed" in lint_profile(profile, helm=helm)


@pytest.mark.parametrize("version", KUBERNETES)
def test_every_object_is_what_kubernetes_takes(version: str, manifests: list[Manifest]) -> None:
    for manifest in manifests:
        if manifest["kind"] not in CUSTOM:
            kubernetes_validate.validate(manifest, version, strict=True)


def test_objects_of_others_have_their_group_and_what_they_need(manifests: list[Manifest]) -> None:
    for manifest in of_kind(manifests, *CUSTOM):
        group, needed = CUSTOM[manifest["kind"]]
        assert manifest["apiVersion"].startswith(f"{group}/")
        assert needed <= set(manifest["spec"])


def test_no_name_is_used_twice(manifests: list[Manifest]) -> None:
    names = [(m["kind"], m["metadata"]["namespace"], m["metadata"]["name"]) for m in manifests]
    assert len(names) == len(set(names))


def test_every_object_says_whose_it_is(manifests: list[Manifest]) -> None:
    for manifest in manifests:
        labels = manifest["metadata"]["labels"]
        told = {key.rpartition("/")[2] for key in labels if key.startswith("app.kubernetes.io/")}
        assert {"name", "instance", "version", "component", "part-of", "managed-by"} <= told


def environment(pod: Manifest) -> dict[str, str]:
    """Return what a pod's container would have, with a fitting secret for each reference."""
    made = {}
    for variable in pod["spec"]["containers"][0]["env"]:
        key = variable.get("valueFrom", {}).get("secretKeyRef", {}).get("key", "")
        secret = base64.b64encode(secrets.token_bytes(32)).decode()
        made[variable["name"]] = variable.get("value") or (
            "gateway" if key.endswith("-username") else secret
        )
    return made


def checked(text: str, folder: Path, environ: dict[str, str]) -> str:
    """Return what `sluicegate check` says of an application.yml, with files where it names some."""
    certificate = Authority(folder).issue(["api-gateway"])
    text = text.replace("/etc/sluicegate-tls/tls.crt", str(certificate.certificate))
    text = text.replace("/etc/sluicegate-tls/tls.key", str(certificate.key))
    text = text.replace("/etc/sluicegate-tls/ca.crt", str(folder / "ca.pem"))
    text = text.replace("/etc/sluicegate-state/ca.crt", str(folder / "ca.pem"))
    text = text.replace("/etc/sluicegate/database-ca.pem", str(folder / "ca.pem"))
    (folder / "application.yml").write_text(text)
    command = [str(Path(sys.executable).parent / "sluicegate"), "check", "application.yml"]
    path = {"PATH": os.environ["PATH"]}
    done = subprocess.run(
        command, cwd=folder, env=path | environ, capture_output=True, text=True, check=False
    )
    return done.stdout + done.stderr


def test_the_gateway_accepts_its_rendered_configuration(
    manifests: list[Manifest], tmp_path: Path
) -> None:
    pod = pod_of(one(manifests, "Deployment", "gateway"))
    assert pod is not None
    text = one(manifests, "ConfigMap", "gateway-config")["data"]["application.yml"]
    assert "no faults" in checked(text, tmp_path, environment(pod))


def test_a_migration_needs_no_more_of_the_configuration_than_it_has(
    least: list[Manifest], tmp_path: Path
) -> None:
    pod = pod_of(one(least, "Job", "gateway-migration-pre"))
    assert pod is not None
    text = one(least, "ConfigMap", "gateway-migration-config")["data"]["application.yml"]
    assert "/etc/" not in text
    assert "no faults" in checked(text, tmp_path, environment(pod))


def test_what_a_reload_applies_is_what_the_gateway_calls_a_resource() -> None:
    """The template's list of what does not replace pods: whatever of the document is no setting."""
    template = (CHART / "templates/_config.tpl").read_text()
    told = re.search(r"omit \(include .* fromYaml\)((?:\s+\"\w+\")+)", template)
    assert told
    names = set(re.findall(r"\w+", told[1]))
    assert names == set(Document.__struct_fields__) - set(Settings.__struct_fields__)


def test_schema_and_readme_are_current() -> None:
    script = [sys.executable, "scripts/chart.py", "--check"]
    done = subprocess.run(script, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout + done.stderr


def test_the_package_has_what_the_folder_has(tmp_path: Path) -> None:
    """Rules and dashboards are links into other folders: a package holds what they lead to."""
    helm_output("package", str(CHART), f"--destination={tmp_path}")
    archive = next(tmp_path.glob("*.tgz"))
    text = helm_output("template", "gateway", str(archive), "--values", str(PROFILES / "kind.yaml"))
    made = {(m["kind"], m["metadata"]["name"]) for m in yaml.safe_load_all(text) if m}
    assert {("Deployment", "gateway"), ("Job", "gateway-migration-pre")} <= made


def test_a_release_has_one_name_for_each_thing(manifests: list[Manifest]) -> None:
    names = {(m["kind"], m["metadata"]["name"]) for m in plain(manifests)}
    assert {
        ("Deployment", "gateway"),
        ("Service", "api-gateway"),
        ("Service", "api-gateway-management"),
        ("ConfigMap", "gateway-config"),
        ("HorizontalPodAutoscaler", "gateway"),
        ("PodDisruptionBudget", "gateway"),
        ("ServiceAccount", "gateway"),
    } <= names


def test_make_chart_says_of_a_profile_that_nothing_is_wrong(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["kind"]) == 0
    assert "no faults" in capsys.readouterr().out


def test_make_chart_says_what_is_wrong_with_values(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    values = tmp_path / "values.yaml"
    values.write_text("autoscaling: {maxReplica: 5}\n")
    assert main(["kind", "--values", str(values)]) == 1
    said = capsys.readouterr().err
    assert "kind: helm: " in said
    assert "kind: helm4: " in said
    assert "maxReplica" in said
