"""The chart's profiles, each with what its head comment says has to be said."""

from __future__ import annotations

from typing import Any, Final

from support.helm import PROFILES, Manifest, lint, render

NAMES: Final = ("kind", "eks", "gke", "aks")

_EXTERNAL: Final = {"store": {"name": "secrets"}, "remoteSecret": "sluicegate"}

SAID: Final[dict[str, dict[str, Any]]] = {
    "kind": {},
    "eks": {
        "image": {"repository": "111122223333.dkr.ecr.eu-west-1.amazonaws.com/sluicegate"},
        "database": {"host": "sluicegate.cluster-abc.eu-west-1.rds.amazonaws.com"},
        "gateway": {"trustedProxies": ["10.0.0.0/16"]},
        "networkPolicy": {"ingressFrom": [{"ipBlock": {"cidr": "10.0.0.0/16"}}]},
        "ingress": {
            "hosts": ["api.example.com"],
            "annotations": {
                "alb.ingress.kubernetes.io/certificate-arn": "arn:aws:acm:eu-west-1:111122223333:c"
            },
        },
        "serviceAccount": {
            "annotations": {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/gateway"}
        },
        "secrets": {"externalSecrets": _EXTERNAL},
    },
    "gke": {
        "image": {"repository": "europe-west1-docker.pkg.dev/example/gateway/sluicegate"},
        "database": {"host": "10.20.0.3"},
        "gateway": {"trustedProxies": ["35.191.0.0/16", "130.211.0.0/22", "198.51.100.7/32"]},
        "ingress": {
            "hosts": ["api.example.com"],
            "annotations": {
                "kubernetes.io/ingress.global-static-ip-name": "gateway",
                "networking.gke.io/managed-certificates": "gateway",
            },
        },
        "serviceAccount": {
            "annotations": {"iam.gke.io/gcp-service-account": "gateway@example.iam.example.com"}
        },
        "secrets": {"externalSecrets": _EXTERNAL},
    },
    "aks": {
        "image": {"repository": "example.azurecr.io/sluicegate"},
        "database": {"host": "example.postgres.database.azure.com"},
        "gateway": {"trustedProxies": ["10.244.0.0/16"]},
        "networkPolicy": {
            "ingressFrom": [
                {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "edge"}}}
            ]
        },
        "httpRoute": {
            "hostnames": ["api.example.com"],
            "parentRefs": [{"name": "edge", "namespace": "edge", "sectionName": "https"}],
        },
        "serviceAccount": {"annotations": {"azure.workload.identity/client-id": "0000-1111"}},
        "secrets": {"externalSecrets": {"store": {"name": "secrets"}, "prefix": "sluicegate-"}},
    },
}
"""What only whoever installs can know. kind needs nothing."""


def render_profile(name: str, *, helm: str = "helm") -> list[Manifest]:
    """Return the manifests of a profile and of what is said beside it."""
    return render([PROFILES / f"{name}.yaml"], SAID[name], helm=helm)


def lint_profile(name: str, *, helm: str = "helm") -> str:
    """Return what `helm lint --strict` says of it. Raises Refused where it finds anything."""
    return lint([PROFILES / f"{name}.yaml"], SAID[name], helm=helm)


def missing(name: str) -> list[str]:
    """Return the paths of what has to be said, with dots."""
    return list(_leaves(SAID[name], ""))


def _leaves(values: dict[str, Any], path: str) -> list[str]:
    found: list[str] = []
    for key, value in values.items():
        below = f"{path}.{key}" if path else key
        found += _leaves(value, below) if isinstance(value, dict) else [below]
    return found
