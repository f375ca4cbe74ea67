"""Hooks and resources go in Helm's order."""

from __future__ import annotations

from typing import Any

import pytest

from rehearsal.hooks import deleted_when, events, hooks, resources

Manifest = dict[str, Any]


def manifest(kind: str, name: str, hook: str = "", weight: str = "", policy: str = "") -> Manifest:
    notes = {
        "helm.sh/hook": hook,
        "helm.sh/hook-weight": weight,
        "helm.sh/hook-delete-policy": policy,
    }
    kept = {key: value for key, value in notes.items() if value}
    return {"kind": kind, "metadata": {"name": name, "annotations": kept}}


def names(found: list[Manifest]) -> list[str]:
    return [each["metadata"]["name"] for each in found]


def test_hooks_run_by_weight_then_kind_then_name() -> None:
    given = [
        manifest("Job", "late", "pre-install,pre-upgrade", "5"),
        manifest("Job", "b", "pre-install", "-5"),
        manifest("Job", "a", "pre-install", "-5"),
        manifest("Secret", "z", "pre-install", "-5"),
        manifest("Job", "middle", "pre-install"),
        manifest("Job", "other", "post-install", "-10"),
    ]
    assert names(hooks(given, "pre-install")) == ["z", "a", "b", "middle", "late"]
    assert names(hooks(given, "pre-upgrade")) == ["late"]


def test_resources_are_applied_in_the_order_of_kinds_without_hooks() -> None:
    given = [
        manifest("Ingress", "i"),
        manifest("Whatever", "w"),
        manifest("Deployment", "d"),
        manifest("ConfigMap", "c"),
        manifest("Secret", "s"),
        manifest("Service", "v"),
        manifest("Job", "j", "pre-install"),
        manifest("NetworkPolicy", "n"),
    ]
    assert names(resources(given)) == ["n", "s", "c", "v", "d", "i", "w"]


def test_a_hook_is_deleted_before_it_is_made_anew_unless_it_says_else() -> None:
    assert deleted_when(manifest("Job", "j", "pre-install")) == {"before-hook-creation"}
    policy = "before-hook-creation, hook-succeeded"
    kept = deleted_when(manifest("Job", "j", "pre-install", policy=policy))
    assert kept == {"before-hook-creation", "hook-succeeded"}


def test_an_event_that_helm_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="no hook of Helm is called pre-instal"):
        events(manifest("Job", "j", "pre-instal"))
