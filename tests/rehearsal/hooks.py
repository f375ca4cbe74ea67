"""In which order Helm applies a release: hooks by weight, then resources by kind.

Source: helm.sh/docs, "Chart Hooks", and helm/pkg/release/util (`kind_sorter.go`: InstallOrder) and
pkg/action/hooks.go. A hook without a delete policy is deleted before it is created anew.
"""

from __future__ import annotations

from collections.abc import Sequence

from rehearsal.objects import Manifest, name_of

HOOK, WEIGHT, DELETE = "helm.sh/hook", "helm.sh/hook-weight", "helm.sh/hook-delete-policy"
BEFORE_CREATION = "before-hook-creation"

INSTALL_ORDER = (
    "PriorityClass", "Namespace", "NetworkPolicy", "ResourceQuota", "LimitRange",
    "PodSecurityPolicy", "PodDisruptionBudget", "ServiceAccount", "Secret", "SecretList",
    "ConfigMap", "StorageClass", "PersistentVolume", "PersistentVolumeClaim",
    "CustomResourceDefinition", "ClusterRole", "ClusterRoleList", "ClusterRoleBinding",
    "ClusterRoleBindingList", "Role", "RoleList", "RoleBinding", "RoleBindingList", "Service",
    "DaemonSet", "Pod", "ReplicationController", "ReplicaSet", "Deployment",
    "HorizontalPodAutoscaler", "StatefulSet", "Job", "CronJob", "IngressClass", "Ingress",
    "APIService",
)  # fmt: skip

EVENTS = {
    "pre-install", "post-install", "pre-upgrade", "post-upgrade", "pre-rollback", "post-rollback",
    "pre-delete", "post-delete", "test",
}  # fmt: skip


def annotation(manifest: Manifest, name: str) -> str:
    """Return an annotation, empty where there is none."""
    return str((manifest["metadata"].get("annotations") or {}).get(name, ""))


def events(manifest: Manifest) -> set[str]:
    """Return the events that a manifest is a hook of; raises ValueError for one unknown to Helm."""
    named = {each.strip() for each in annotation(manifest, HOOK).split(",")} - {""}
    unknown = named - EVENTS
    if unknown:
        raise ValueError(f"{name_of(manifest)}: no hook of Helm is called {min(unknown)}")
    return named


def hooks(manifests: Sequence[Manifest], event: str) -> list[Manifest]:
    """Return the hooks of an event as Helm runs them: by weight, then kind, then name."""
    found = [each for each in manifests if event in events(each)]
    return sorted(found, key=lambda each: (weight(each), *_by_kind(each)))


def resources(manifests: Sequence[Manifest]) -> list[Manifest]:
    """Return what is no hook, in the order in which Helm applies it."""
    return sorted((each for each in manifests if not events(each)), key=_by_kind)


def weight(manifest: Manifest) -> int:
    """Return the weight of a hook, 0 where none is given."""
    return int(annotation(manifest, WEIGHT) or "0")


def deleted_when(manifest: Manifest) -> set[str]:
    """Return when a hook's object is deleted: before-hook-creation, hook-succeeded, hook-failed."""
    named = {each.strip() for each in annotation(manifest, DELETE).split(",")} - {""}
    return named or {BEFORE_CREATION}


def _by_kind(manifest: Manifest) -> tuple[int, str, str]:
    kind = manifest["kind"]
    rank = INSTALL_ORDER.index(kind) if kind in INSTALL_ORDER else len(INSTALL_ORDER)
    return rank, kind, name_of(manifest)
