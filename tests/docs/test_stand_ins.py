"""What would fail in a cluster fails in its stand-in, too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.shell import Shell

PROFILE = "--values deploy/helm/sluicegate/profiles/kind.yaml"
INSTALL = f"helm install gateway deploy/helm/sluicegate {PROFILE}"


@pytest.fixture
def shell(tmp_path: Path) -> Iterator[Shell]:
    opened = Shell(tmp_path)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("command", "why"),
    [
        (f"{INSTALL} --set replica=3", "property replica is not allowed"),
        (f"{INSTALL} --wiat", "there is no option --wiat"),
        ("helm upgrade gateway deploy/helm/sluicegate", "there is no release gateway"),
        ("kubectl rollout restat deployment/gateway", "there is no command"),
        ("kubectl apply --filename deploy/helm/sluicegate/values.yaml", "kubectl"),
        ("kubectl get gadgets", "no kind of things"),
        ("kind load docker-image sluicegate:0.1.0", "the cluster is"),
        ("docker compose --file deploy/compose/compose.yml kill gatway", "gatway"),
    ],
)
def test_what_would_fail_fails(command: str, why: str, shell: Shell) -> None:
    with pytest.raises(AssertionError, match=why):
        shell.run(command)


def test_what_was_installed_is_there_under_its_name_in_its_namespace(shell: Shell) -> None:
    shell.run(INSTALL)
    shell.run("kubectl get deployment gateway")
    shell.run("kubectl logs valkey-2 --container sentinel 2>&1 || kubectl get pods valkey-2")
    shell.run("helm rollback gateway 1")
    for wrong in (
        "kubectl get deployment gatway",
        "kubectl get deployment gateway --namespace other",
        "helm rollback gateway 3",
        "kubectl get service valkey-2",
    ):
        with pytest.raises(AssertionError, match="there is no"):
            shell.run(wrong)


def test_an_upgrade_keeps_what_was_made_up(shell: Shell) -> None:
    token = (
        "kubectl get secret gateway-secrets --output 'go-template={{index .data \"admin-token\"}}'"
    )
    shell.run(INSTALL)
    before = shell.run(token)
    shell.run(INSTALL.replace("install", "upgrade"))
    assert len(before) > 32
    assert shell.run(token) == before
