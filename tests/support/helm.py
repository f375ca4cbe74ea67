"""The chart, rendered by the real helm: manifests as mappings, or why a value was refused.

    manifests = render([PROFILES / "kind.yaml"], {"config": {"routes": {}}})
    one(manifests, "Deployment", "gateway")["spec"]["template"]

`helm` names a program beside this Python: `helm` (3.17) or `helm4` (4.3). Hooks are among the
manifests; `plain` and `hooks` tell them apart.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

Manifest = dict[str, Any]

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy/helm/sluicegate"
PROFILES = CHART / "profiles"
HELMS = ("helm", "helm4")
"""Both versions that the chart promises to work with."""
LEAST = {
    "database": {"host": "db.example"},
    "networkPolicy": {"ingressFrom": [{"podSelector": {"matchLabels": {"app": "balancer"}}}]},
}
"""What has to be said of any installation, beyond which everything has a default."""


class Refused(Exception):
    """helm would not render: its message names the value."""


def program(name: str = "helm") -> str:
    """Return the path of a program that `make` puts beside this Python."""
    path = Path(sys.executable).parent / name
    assert path.exists(), f"{path} is missing: run scripts/unpack_helm.py"
    return str(path)


def helm_output(*arguments: str, helm: str = "helm", stdin: str = "") -> str:
    """Return what helm printed. Raises Refused with what it said, where it ended in failure."""
    done = subprocess.run(
        [program(helm), *arguments], input=stdin, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise Refused(done.stderr + done.stdout)
    return done.stdout


def render_text(
    files: Sequence[Path] = (),
    values: Mapping[str, Any] | None = None,
    *,
    helm: str = "helm",
    options: Sequence[str] = (),
    namespace: str = "gateway",
) -> str:
    """Return `helm template` of values files and then of `values`; raises Refused."""
    named = [f"--values={file}" for file in files]
    return helm_output(
        "template",
        "gateway",
        str(CHART),
        f"--namespace={namespace}",
        *named,
        "--values=-",
        *options,
        helm=helm,
        stdin=json.dumps(dict(values or {})),
    )


def render(
    files: Sequence[Path] = (),
    values: Mapping[str, Any] | None = None,
    *,
    helm: str = "helm",
    options: Sequence[str] = (),
    namespace: str = "gateway",
) -> list[Manifest]:
    """Return the manifests of `helm template`, hooks and tests among them; raises Refused."""
    text = render_text(files, values, helm=helm, options=options, namespace=namespace)
    return [manifest for manifest in yaml.load_all(text, Loader=yaml.CSafeLoader) if manifest]


def lint(
    files: Sequence[Path] = (), values: Mapping[str, Any] | None = None, *, helm: str = "helm"
) -> str:
    """Return what `helm lint --strict` says; raises Refused where it finds anything."""
    named = [f"--values={file}" for file in files]
    given = json.dumps(dict(values or {}))
    return helm_output("lint", "--strict", str(CHART), *named, "--values=-", helm=helm, stdin=given)


def hook_of(manifest: Manifest) -> set[str]:
    """Return the events that a manifest is a hook of; empty where it is part of the release."""
    told = (manifest["metadata"].get("annotations") or {}).get("helm.sh/hook", "")
    return {event.strip() for event in told.split(",") if event.strip()}


def plain(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return what is part of the release."""
    return [manifest for manifest in manifests if not hook_of(manifest)]


def hooks(manifests: Sequence[Manifest], event: str) -> list[Manifest]:
    """Return the hooks of an event (`pre-install` …) in order: weight, kind, name."""
    return sorted(
        (manifest for manifest in manifests if event in hook_of(manifest)),
        key=lambda m: (
            int(m["metadata"]["annotations"].get("helm.sh/hook-weight", "0")),
            m["kind"],
            m["metadata"]["name"],
        ),
    )


def one(manifests: Sequence[Manifest], kind: str, name: str) -> Manifest:
    """Return the manifest of that kind and name. AssertionError where there is none or several."""
    found = [m for m in manifests if m["kind"] == kind and m["metadata"]["name"] == name]
    assert len(found) == 1, f"{len(found)} of {kind} {name}"
    return found[0]


def of_kind(manifests: Sequence[Manifest], *kinds: str) -> list[Manifest]:
    """Return the manifests of these kinds."""
    return [manifest for manifest in manifests if manifest["kind"] in kinds]


def pod_of(manifest: Manifest) -> Manifest | None:
    """Return the pod template of a workload (its `metadata` and `spec`), None where it has none."""
    if manifest["kind"] == "Pod":
        return manifest
    if manifest["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job"):
        template: Manifest = manifest["spec"]["template"]
        return template
    return None


def containers(pod: Manifest) -> list[dict[str, Any]]:
    """Return all containers of a pod, those that come first included."""
    return [*pod["spec"].get("initContainers", []), *pod["spec"]["containers"]]


def application(manifests: Sequence[Manifest]) -> dict[str, Any]:
    """Return the rendered application.yml."""
    data = one(plain(manifests), "ConfigMap", "gateway-config")["data"]
    parsed: dict[str, Any] = yaml.safe_load(data["application.yml"])
    return parsed
