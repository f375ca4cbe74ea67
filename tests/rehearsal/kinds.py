"""Which kinds of manifest the rehearsal acts on, and why nothing is done for others."""

from __future__ import annotations

from rehearsal.objects import Manifest

ACTED = frozenset(
    {
        "BackendTLSPolicy", "ConfigMap", "Deployment", "HTTPRoute", "HorizontalPodAutoscaler",
        "Ingress", "Job", "PersistentVolumeClaim", "PodDisruptionBudget", "Secret", "Service",
        "StatefulSet",
    }
)  # fmt: skip

IGNORED = {
    "BackendConfig": "of Google's balancer",
    "Certificate": "the Secret that cert-manager would make is given",
    "ExternalSecret": "the Secret that the operator would make is given",
    "GCPBackendPolicy": "of Google's balancer",
    "HealthCheckPolicy": "of Google's balancer",
    "Issuer": "belongs to cert-manager",
    "ManagedCertificate": "of Google's balancer",
    "NetworkPolicy": "the rehearsal's switch filters nothing",
    "PodMonitor": "read by whoever runs Prometheus",
    "PrometheusRule": "read by whoever runs Prometheus",
    "Role": "nothing here asks for permission",
    "RoleBinding": "nothing here asks for permission",
    "ServiceAccount": "no pod is given a token",
    "ServiceMonitor": "read by whoever runs Prometheus",
    "TargetGroupBinding": "of AWS's balancer",
}


def check_kind(manifest: Manifest) -> None:
    """Raise ValueError for a kind that is neither acted on nor ignored for a reason."""
    if manifest["kind"] not in ACTED and manifest["kind"] not in IGNORED:
        raise ValueError(f"nothing here knows what a {manifest['kind']} means")
