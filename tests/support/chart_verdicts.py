"""`make chart`: every profile rendered, linted and validated by the real tools, as a table.

    python -m support.chart_verdicts [--values FILE …] [PROFILE …]

What was rendered stays in `build/chart/<profile>.yaml`. Without `--values` what only the owner of a
cluster knows is made up (`support.profiles`); with it, those files say it, and only them. Exit
status 1 where a tool finds a fault, with what it says.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import kubernetes_validate
import yaml

from support.helm import HELMS, PROFILES, ROOT, Refused, lint, render_text
from support.profiles import NAMES, SAID

KUBERNETES = ("1.33", "1.35", "1.37")
"""Versions whose schemas every object has to fit."""
CUSTOM = {
    "BackendTLSPolicy": ("gateway.networking.k8s.io", {"targetRefs", "validation"}),
    "BackendConfig": ("cloud.google.com", set()),
    "Certificate": ("cert-manager.io", {"secretName", "issuerRef", "dnsNames"}),
    "ExternalSecret": ("external-secrets.io", {"secretStoreRef", "target", "data"}),
    "FrontendConfig": ("networking.gke.io", set()),
    "GCPBackendPolicy": ("networking.gke.io", {"targetRef"}),
    "HTTPRoute": ("gateway.networking.k8s.io", {"parentRefs", "hostnames", "rules"}),
    "HealthCheckPolicy": ("networking.gke.io", {"targetRef"}),
    "ManagedCertificate": ("networking.gke.io", {"domains"}),
    "PrometheusRule": ("monitoring.coreos.com", {"groups"}),
    "ServiceMonitor": ("monitoring.coreos.com", {"selector", "endpoints"}),
}
"""Kinds that Kubernetes itself does not have: their group, and what their `spec` has to say."""
RENDERED = ROOT / "build/chart"


def faults(profile: str, values: Sequence[Path], into: Path) -> tuple[int, list[str]]:
    """Render a profile with both Helms; return how many objects there are, and every fault."""
    files = [PROFILES / f"{profile}.yaml", *values]
    said: dict[str, Any] = {} if values else SAID[profile]
    found: list[str] = []
    objects: list[dict[str, Any]] = []
    for helm in HELMS:
        try:
            lint(files, said, helm=helm)
            text = render_text(files, said, helm=helm)
        except Refused as refused:
            found.append(f"{helm}: {str(refused).strip()}")
            continue
        (into / f"{profile}.yaml").write_text(text)
        objects = [each for each in yaml.safe_load_all(text) if each]
        found += [f"{helm}: {fault}" for fault in _invalid(objects)]
    return len(objects), found


def _invalid(objects: list[dict[str, Any]]) -> list[str]:
    found = []
    for version in KUBERNETES:
        for each in objects:
            if each["kind"] in CUSTOM:
                continue
            try:
                kubernetes_validate.validate(each, version, strict=True)
            except kubernetes_validate.ValidationError as error:
                name = f"{each['kind']}/{each['metadata']['name']}"
                found.append(f"Kubernetes {version}: {name}: {error.message}")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the table; returns the exit status."""
    parser = argparse.ArgumentParser(prog="make chart", description=__doc__)
    parser.add_argument("profiles", nargs="*", metavar="PROFILE", help=", ".join(NAMES))
    parser.add_argument("--values", action="append", type=Path, default=[], metavar="FILE")
    asked = parser.parse_args(arguments)
    unknown = set(asked.profiles) - set(NAMES)
    if unknown:
        parser.error(f"no profile is called {', '.join(sorted(unknown))}; {', '.join(NAMES)} are")
    RENDERED.mkdir(parents=True, exist_ok=True)
    wrong: list[str] = []
    sys.stdout.write(f"{'profile':9}{'objects':>8}  helm 3, helm 4: lint --strict, template; ")
    sys.stdout.write(f"Kubernetes {', '.join(KUBERNETES)}: strict\n")
    for profile in asked.profiles or NAMES:
        count, found = faults(profile, asked.values, RENDERED)
        verdict = f"{len(found)} faults" if found else "no faults"
        sys.stdout.write(f"{profile:9}{count:8}  {verdict}; {RENDERED / profile}.yaml\n")
        wrong += [f"{profile}: {fault}\n" for fault in found]
    sys.stderr.write("".join(wrong))
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
