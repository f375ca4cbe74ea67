"""What a change of values does to a release that runs: reload, replacement, migration, refusal."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from support.helm import (
    LEAST,
    Manifest,
    application,
    hook_of,
    hooks,
    of_kind,
    one,
    plain,
    pod_of,
    render,
)

ROUTES = {
    "services": {"a": {"targets": ["http://a"]}},
    "routes": {"a": {"match": {"path": "/a"}, "service": "a"}},
}
STABLE = {"tls": {"source": "off"}}
"""Without a cluster to look at, certificates are made anew with each rendering."""


def made(**values: Any) -> list[Manifest]:
    return render([], {**LEAST, **STABLE, **values})


def template(manifests: list[Manifest]) -> Manifest:
    found = pod_of(one(manifests, "Deployment", "gateway"))
    assert found is not None
    return found


@pytest.mark.parametrize(
    "config",
    [
        ROUTES,
        {"plans": {"p": {}}},
        {"consumers": {"c": {}}},
        {"policies": [{"metrics": {}}]},
    ],
)
def test_a_change_of_resources_is_loaded_by_pods_that_stay(config: dict[str, Any]) -> None:
    before, after = made(), made(config=config)
    assert application(before) != application(after)
    assert template(before) == template(after)


@pytest.mark.parametrize(
    "values",
    [
        {"config": {"state": {"timeout": "50ms"}}},
        {"config": {"gateway": {"http": {"max_headers": 50}}}},
        {"config": {"ledger": {"retention": "30d"}}},
        {"config": {"tracing": {"endpoint": "http://collector:4318"}}},
        {"gateway": {"trustedProxies": ["10.0.0.0/16"]}},
        {"region": {"name": "eu"}},
        {"database": {"host": "other.example"}},
        {"tls": {"source": "secret", "secret": {"gateway": "own", "valkey": "own"}}},
        {"secrets": {"name": "other"}},
        {"secrets": {"peppers": ["2", "1"]}},
        {"secrets": {"masterKeys": ["2", "1"]}},
    ],
)
def test_a_change_that_a_reload_does_not_apply_replaces_the_pods(values: dict[str, Any]) -> None:
    assert template(made()) != template(made(**values))


def test_another_authority_replaces_the_pods_for_it_is_read_at_start() -> None:
    outside = {"valkey": {"enabled": False}}
    state = {"url": "rediss://cache.example:6379"}
    one_more = [
        made(database={"host": "db.example", "tls": {"ca": ca}}, **outside,
             state={**state, "tls": {"ca": other}})
        for ca, other in (("first", "first"), ("second", "first"), ("second", "second"))
    ]  # fmt: skip
    hashes = [template(each)["metadata"]["annotations"]["sluicegate/restart-settings"]
              for each in one_more]  # fmt: skip
    assert len(set(hashes)) == 3


def test_another_order_of_master_keys_replaces_the_pods() -> None:
    named = [{"masterKeys": keys} for keys in (["1", "2"], ["2", "1"])]
    before, after = (template(made(secrets=keys))["metadata"]["annotations"] for keys in named)
    assert before != after


def test_routes_are_mounted_as_a_folder_so_that_a_change_arrives() -> None:
    container = template(made())["spec"]["containers"][0]
    assert not any("subPath" in mount for mount in container["volumeMounts"])


def test_config_is_laid_over_what_the_chart_sets() -> None:
    config = {**ROUTES, "state": {"timeout": "50ms"}, "ledger": {"waiting": 10_000_000}}
    written = application(made(config=config))
    assert written["state"]["timeout"] == "50ms"
    assert written["state"]["url"].startswith("redis+sentinel://valkey-0.valkey:26379,")
    assert written["routes"] == ROUTES["routes"]
    assert written["ledger"]["waiting"] == 10_000_000


def test_texts_that_yaml_would_read_as_something_else_stay_texts() -> None:
    labels = {"a": "on", "b": "012", "c": "1e3", "d": "null", "e": "${env:NAME}", "f": "a: b #c"}
    config = {"services": {"a": {"targets": [{"url": "http://a", "labels": labels}]}}}
    written = application(made(config=config))
    assert written["services"]["a"]["targets"][0]["labels"] == labels


@pytest.mark.parametrize(
    "values",
    [
        {"image": {"tag": "9.9.9"}},
        {"config": ROUTES},
        {"gateway": {"podLabels": {"team": "edge"}}},
        {"replicas": 5, "autoscaling": {"enabled": False}},
        {"service": {"annotations": {"a": "b"}}},
    ],
)
def test_an_upgrade_changes_nothing_that_cannot_be_changed(values: dict[str, Any]) -> None:
    before, after = plain(made()), plain(made(**values))
    for old in of_kind(before, "Deployment", "StatefulSet"):
        new = one(after, old["kind"], old["metadata"]["name"])
        assert old["spec"]["selector"] == new["spec"]["selector"]
    for old in of_kind(before, "StatefulSet"):
        new = one(after, "StatefulSet", old["metadata"]["name"])
        for fixed in ("serviceName", "podManagementPolicy", "volumeClaimTemplates"):
            assert old["spec"].get(fixed) == new["spec"].get(fixed)
    for old in of_kind(before, "Service"):
        new = one(after, "Service", old["metadata"]["name"])
        assert old["spec"].get("clusterIP") == new["spec"].get("clusterIP")


def test_jobs_are_made_anew_with_each_upgrade_since_they_cannot_be_changed() -> None:
    manifests = made()
    assert not of_kind(plain(manifests), "Job")
    for job in of_kind(manifests, "Job"):
        annotations = job["metadata"]["annotations"]
        assert annotations["helm.sh/hook-delete-policy"] == "before-hook-creation"


@pytest.mark.parametrize("event", ["install", "upgrade"])
def test_the_schema_is_changed_before_pods_are_and_again_after(event: str) -> None:
    manifests = made()
    phases = {}
    for when in ("pre", "post"):
        job = hooks(manifests, f"{when}-{event}")[-1]
        assert job["kind"] == "Job"
        args = job["spec"]["template"]["spec"]["containers"][0]["args"]
        phases[when] = args
    assert phases["pre"] == ["migrate", "/etc/sluicegate/application.yml", "--phase", "pre"]
    assert phases["post"][-1] == "post"


@pytest.mark.parametrize("source", ["existing", "generated", "externalSecrets"])
def test_what_a_migration_reads_is_there_before_it(source: str) -> None:
    """At a first installation nothing of the release is: only what hooks before it have brought."""
    store = {"store": {"name": "vault"}, "prefix": "gateway-"}
    manifests = made(secrets={"source": source, "externalSecrets": store})
    *before, job = hooks(manifests, "pre-install")
    there = {("Secret", "gateway-secrets")} if source == "existing" else set()
    for manifest in before:
        kind = manifest["kind"]
        there.add(("Secret" if kind == "ExternalSecret" else kind, manifest["metadata"]["name"]))
    spec = job["spec"]["template"]["spec"]
    read = {("ServiceAccount", spec["serviceAccountName"])}
    for volume in spec["volumes"]:
        if "configMap" in volume:
            read.add(("ConfigMap", volume["configMap"]["name"]))
        if "secret" in volume:
            read.add(("Secret", volume["secret"]["secretName"]))
    for variable in spec["containers"][0]["env"]:
        read.add(("Secret", variable["valueFrom"]["secretKeyRef"]["name"]))
    assert read <= there


def test_migrations_run_as_the_owner_and_the_gateway_does_not() -> None:
    store = {"store": {"name": "vault"}, "prefix": "gateway-"}
    manifests = made(secrets={"source": "externalSecrets", "externalSecrets": store})
    for name in ("gateway-migration-pre", "gateway-migration-post"):
        pod = pod_of(one(manifests, "Job", name))
        assert pod is not None
        keys = {
            e["name"]: e["valueFrom"]["secretKeyRef"]["key"]
            for e in pod["spec"]["containers"][0]["env"]
        }
        assert keys["SLUICEGATE_STORE_USERNAME"] == "migration-username"
        assert keys["SLUICEGATE_STORE_PASSWORD"] == "migration-password"
    assert "migration" not in yaml.safe_dump(template(manifests))


@pytest.mark.parametrize("how", [[], ["--is-upgrade"]], ids=["as Argo CD renders it", "helm"])
def test_after_an_upgrade_the_schema_waits_for_the_last_old_pod(how: list[str]) -> None:
    upgraded = render([], {**LEAST, **STABLE}, options=how)
    pod = pod_of(one(upgraded, "Job", "gateway-migration-post"))
    assert pod is not None
    waiting = pod["spec"]["initContainers"][0]
    assert waiting["args"] == ["http://api-gateway-management:9090"]
    script = one(upgraded, "ConfigMap", "gateway-migration-config")["data"]["rollout.py"]
    compile(script, "rollout.py", "exec")
    management = one(upgraded, "Service", "api-gateway-management")["spec"]
    assert management["clusterIP"] == "None"
    assert management["publishNotReadyAddresses"] is True


def test_migrations_can_be_left_to_somebody_else() -> None:
    manifests = made(migrations={"enabled": False})
    assert not of_kind(manifests, "Job")
    assert {event for m in manifests for event in hook_of(m)} == {"test"}


def test_a_rollback_leaves_the_schema_as_it_is() -> None:
    assert not any("rollback" in event for m in made() for event in hook_of(m))


def test_the_release_can_be_asked_whether_it_is_ready() -> None:
    pod = one(made(), "Pod", "gateway-test")
    assert hook_of(pod) == {"test"}
    asked = pod["spec"]["containers"][0]["args"]
    assert asked == ["http://api-gateway:8080/actuator/health/readiness"]
