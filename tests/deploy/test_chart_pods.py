"""What the chart's pods may do, know and wait for."""

from __future__ import annotations

import math
from typing import Any

import pytest

from support.helm import (
    LEAST,
    Manifest,
    application,
    containers,
    of_kind,
    one,
    plain,
    pod_of,
    render,
)

WORKLOADS = ("Deployment", "StatefulSet", "Job", "Pod")


def gateway_pod(manifests: list[Manifest]) -> Manifest:
    pod = pod_of(one(manifests, "Deployment", "gateway"))
    assert pod is not None
    return pod


def pods(manifests: list[Manifest]) -> list[Manifest]:
    found = [pod_of(manifest) for manifest in of_kind(manifests, *WORKLOADS)]
    return [pod for pod in found if pod is not None]


def with_values(**values: Any) -> list[Manifest]:
    """Render without certificates, which take the longest, unless `tls` is among the values."""
    return render([], {**LEAST, "tls": {"source": "off"}, **values})


def test_every_pod_passes_pod_security_restricted(manifests: list[Manifest]) -> None:
    """https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted."""
    volumes = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral"}
    volumes |= {"persistentVolumeClaim", "projected", "secret"}
    for pod in pods(manifests):
        spec = pod["spec"]
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] > 0
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert "sysctls" not in spec["securityContext"]
        for volume in spec.get("volumes", []):
            assert set(volume) - {"name"} <= volumes
        for container in containers(pod):
            context = container["securityContext"]
            assert context["allowPrivilegeEscalation"] is False
            assert context["capabilities"] == {"drop": ["ALL"]}
            assert not context.get("privileged")
            assert context.get("runAsUser", 1) > 0
            assert not any("hostPort" in port for port in container.get("ports", []))


def test_no_pod_writes_its_root_or_knows_the_kubernetes_api(manifests: list[Manifest]) -> None:
    for pod in pods(manifests):
        assert pod["spec"]["automountServiceAccountToken"] is False
        assert pod["spec"]["serviceAccountName"] != "default"
        assert all(c["securityContext"]["readOnlyRootFilesystem"] for c in containers(pod))


def test_every_container_says_what_it_needs_and_at_most_takes(manifests: list[Manifest]) -> None:
    for pod in pods(manifests):
        for container in containers(pod):
            assert {"cpu", "memory"} <= set(container["resources"]["requests"])
            assert "memory" in container["resources"]["limits"]


def test_passwords_are_environment_from_a_secret_and_the_token_is_a_file(
    least: list[Manifest],
) -> None:
    pod = gateway_pod(least)
    variables = pod["spec"]["containers"][0]["env"]
    env = {v["name"]: v["valueFrom"]["secretKeyRef"] for v in variables if "valueFrom" in v}
    assert env["SLUICEGATE_STORE_PASSWORD"] == {
        "name": "gateway-secrets",
        "key": "database-password",
    }
    assert env["SLUICEGATE_STATE_PASSWORD"] == {"name": "gateway-secrets", "key": "state-password"}
    assert env["PEPPER_1"]["key"] == "pepper-1"
    assert env["MASTER_KEY_1"]["key"] == "master-key-1"
    token = next(v for v in pod["spec"]["volumes"] if v["name"] == "admin-token")["secret"]
    assert token["defaultMode"] == 0o400
    assert application(least)["admin"]["token_file"] == "/run/secrets/sluicegate/admin-token"


def test_the_command_line_within_a_pod_knows_where_to_ask(least: list[Manifest]) -> None:
    variables = gateway_pod(least)["spec"]["containers"][0]["env"]
    env = {variable["name"]: variable.get("value") for variable in variables}
    assert env["SLUICEGATE_ADMIN_URL"] == "https://localhost:9090"
    assert env["SLUICEGATE_ADMIN_CA"] == "/etc/sluicegate-tls/ca.crt"
    assert env["SLUICEGATE_ADMIN_TOKEN_FILE"] == application(least)["admin"]["token_file"]
    assert "SLUICEGATE_ADMIN_TOKEN" not in env


def test_the_first_pepper_and_master_key_named_are_the_first_for_the_gateway() -> None:
    """The first ones are for what is written from now on; others are for what there is."""
    written = application(with_values(secrets={"peppers": ["2", "1"], "masterKeys": ["b", "a"]}))
    assert list(written["peppers"]) == ["2", "1"]
    assert list(written["store"]["master_keys"]) == ["b", "a"]


def test_every_folder_that_the_settings_name_is_mounted(manifests: list[Manifest]) -> None:
    container = gateway_pod(manifests)["spec"]["containers"][0]
    mounted = {
        mount["mountPath"]: mount.get("readOnly", False) for mount in container["volumeMounts"]
    }
    assert mounted["/etc/sluicegate"] is True
    assert mounted["/var/lib/sluicegate"] is False
    text = one(plain(manifests), "ConfigMap", "gateway-config")["data"]["application.yml"]
    for line in text.splitlines():
        path = line.rpartition(": ")[2].strip()
        if path.startswith(("/etc/", "/run/", "/var/")):
            assert any(path.startswith(folder) for folder in mounted), path


def test_every_volume_that_is_mounted_is_there(manifests: list[Manifest]) -> None:
    for manifest in of_kind(manifests, *WORKLOADS):
        pod = pod_of(manifest)
        assert pod is not None
        there = {volume["name"] for volume in pod["spec"].get("volumes", [])}
        claims = manifest["spec"].get("volumeClaimTemplates", [])
        there |= {claim["metadata"]["name"] for claim in claims}
        for container in containers(pod):
            assert {mount["name"] for mount in container.get("volumeMounts", [])} <= there


def test_selectors_choose_the_pods_they_are_for(manifests: list[Manifest]) -> None:
    for workload in of_kind(manifests, "Deployment", "StatefulSet"):
        wanted = workload["spec"]["selector"]["matchLabels"]
        assert wanted.items() <= workload["spec"]["template"]["metadata"]["labels"].items()
    labels = gateway_pod(manifests)["metadata"]["labels"]
    others = [p["metadata"]["labels"] for p in pods(manifests) if p["metadata"]["labels"] != labels]
    for service in ("api-gateway", "api-gateway-management"):
        selector = one(manifests, "Service", service)["spec"]["selector"]
        assert selector.items() <= labels.items()
        assert not any(selector.items() <= other.items() for other in others)
    budget = one(manifests, "PodDisruptionBudget", "gateway")["spec"]["selector"]["matchLabels"]
    assert budget.items() <= labels.items()
    assert not any(budget.items() <= other.items() for other in others)


def test_every_port_of_a_service_is_one_of_a_container(manifests: list[Manifest]) -> None:
    for service in of_kind(manifests, "Service"):
        selector = service["spec"]["selector"]
        chosen = [p for p in pods(manifests) if selector.items() <= p["metadata"]["labels"].items()]
        assert chosen
        named = {p["name"] for pod in chosen for c in containers(pod) for p in c.get("ports", [])}
        assert {port["targetPort"] for port in service["spec"]["ports"]} <= named


def test_what_serves_is_asked_where_requests_come_in_and_what_lives_beside_it(
    least: list[Manifest],
) -> None:
    container = gateway_pod(least)["spec"]["containers"][0]
    asked = {
        name: (container[name]["httpGet"]["port"], container[name]["httpGet"]["path"])
        for name in ("startupProbe", "livenessProbe", "readinessProbe")
    }
    assert asked == {
        "startupProbe": ("management", "/actuator/health/liveness"),
        "livenessProbe": ("management", "/actuator/health/liveness"),
        "readinessProbe": ("http", "/actuator/health/readiness"),
    }


@pytest.mark.parametrize(("source", "scheme"), [("generated", "HTTPS"), ("off", "HTTP")])
def test_probes_and_services_speak_what_the_gateway_speaks(source: str, scheme: str) -> None:
    manifests = with_values(tls={"source": source})
    container = gateway_pod(manifests)["spec"]["containers"][0]
    assert container["readinessProbe"]["httpGet"]["scheme"] == scheme
    assert container["livenessProbe"]["httpGet"]["scheme"] == scheme
    port = one(manifests, "Service", "api-gateway")["spec"]["ports"][0]
    assert port["appProtocol"] == scheme.lower()
    assert ("tls" in application(manifests)["gateway"]) == (scheme == "HTTPS")
    assert ("tls" in application(manifests)["management"]) == (scheme == "HTTPS")


def test_a_busy_replica_is_taken_out_long_before_it_is_restarted(least: list[Manifest]) -> None:
    container = gateway_pod(least)["spec"]["containers"][0]
    out, again = (
        container[probe]["periodSeconds"] * container[probe]["failureThreshold"]
        for probe in ("readinessProbe", "livenessProbe")
    )
    assert out <= 10
    assert again >= 5 * out


@pytest.mark.parametrize(
    ("drain", "seconds"),
    [
        ({}, 5 + 5 + 30 + 5),
        ({"preStop": "20s", "grace": "10s", "deadline": "5m"}, 20 + 10 + 300 + 5),
        ({"preStop": 0, "grace": 0, "deadline": "1500ms"}, 2 + 5),
    ],
)
def test_a_pod_has_time_for_all_of_its_way_out(drain: dict[str, Any], seconds: int) -> None:
    manifests = with_values(gateway={"drain": drain})
    assert gateway_pod(manifests)["spec"]["terminationGracePeriodSeconds"] == seconds
    if drain.get("preStop") == 0:
        assert "lifecycle" not in gateway_pod(manifests)["spec"]["containers"][0]


@pytest.mark.parametrize(
    ("gateway", "workers"),
    [
        ({}, 2),
        ({"resources": {"requests": {"cpu": "500m"}}}, 1),
        ({"resources": {"requests": {"cpu": "2500m"}}}, 3),
        ({"resources": {"requests": {"cpu": "1"}, "limits": {"cpu": 4}}}, 4),
        ({"workers": 7}, 7),
    ],
)
def test_workers_are_as_many_as_cpus_and_memory_grows_with_them(
    gateway: dict[str, Any], workers: int
) -> None:
    manifests = with_values(gateway=gateway)
    assert application(manifests)["gateway"]["workers"] == workers
    assert application(manifests)["state"]["expected_workers"] == workers * 10
    resources = gateway_pod(manifests)["spec"]["containers"][0]["resources"]
    assert resources["requests"]["memory"] == f"{160 * workers + 192}Mi"
    assert resources["limits"]["memory"] == f"{2 * (160 * workers + 192)}Mi"


def test_one_replica_at_a_time_is_replaced_and_none_is_missed(least: list[Manifest]) -> None:
    spec = one(least, "Deployment", "gateway")["spec"]
    assert spec["strategy"]["rollingUpdate"] == {"maxSurge": "25%", "maxUnavailable": 0}
    assert math.ceil(3 * 0.25) == 1
    assert spec["minReadySeconds"] > 0
    assert "replicas" not in spec


def test_without_an_autoscaler_there_are_three_replicas() -> None:
    manifests = with_values(autoscaling={"enabled": False})
    assert one(manifests, "Deployment", "gateway")["spec"]["replicas"] == 3
    assert not of_kind(manifests, "HorizontalPodAutoscaler")
    assert application(manifests)["state"]["expected_workers"] == 3 * 2


def test_replicas_are_scaled_on_cpu_and_memory_up_at_once_and_down_slowly(
    manifests: list[Manifest],
) -> None:
    spec = one(manifests, "HorizontalPodAutoscaler", "gateway")["spec"]
    assert spec["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "gateway",
    }
    assert (spec["minReplicas"], spec["maxReplicas"]) == (3, 10)
    targets = {m["resource"]["name"]: m["resource"]["target"] for m in spec["metrics"]}
    assert targets["cpu"] == {"type": "Utilization", "averageUtilization": 70}
    assert targets["memory"] == {"type": "Utilization", "averageUtilization": 80}
    up, down = spec["behavior"]["scaleUp"], spec["behavior"]["scaleDown"]
    assert (up["stabilizationWindowSeconds"], down["stabilizationWindowSeconds"]) == (0, 300)
    assert up["selectPolicy"] == "Max"
    assert down["selectPolicy"] == "Min"


def test_replicas_can_be_scaled_on_requests_too() -> None:
    manifests = with_values(autoscaling={"requestsPerSecond": 1500})
    metric = one(manifests, "HorizontalPodAutoscaler", "gateway")["spec"]["metrics"][2]
    assert metric["pods"] == {
        "metric": {"name": "sluicegate_requests_per_second"},
        "target": {"type": "AverageValue", "averageValue": "1500"},
    }


def test_two_replicas_stay_whatever_is_drained(manifests: list[Manifest]) -> None:
    assert one(manifests, "PodDisruptionBudget", "gateway")["spec"]["minAvailable"] == 2


@pytest.mark.parametrize(("part", "pods"), [("60%", 3), ("50%", 4), ("90%", 10)])
def test_a_part_of_the_pods_may_stay(part: str, pods: int) -> None:
    manifests = with_values(
        podDisruptionBudget={"minAvailable": part}, autoscaling={"minReplicas": pods}
    )
    assert one(manifests, "PodDisruptionBudget", "gateway")["spec"]["minAvailable"] == part


def test_replicas_are_spread_over_hosts_and_zones(least: list[Manifest]) -> None:
    spec = gateway_pod(least)["spec"]["topologySpreadConstraints"]
    spread = {rule["topologyKey"]: rule["whenUnsatisfiable"] for rule in spec}
    assert spread == {
        "kubernetes.io/hostname": "DoNotSchedule",
        "topology.kubernetes.io/zone": "ScheduleAnyway",
    }
    labels = gateway_pod(least)["metadata"]["labels"]
    for rule in spec:
        assert rule["maxSkew"] == 1
        assert rule["nodeTaintsPolicy"] == "Honor"
        assert rule["labelSelector"]["matchLabels"].items() <= labels.items()


def test_an_image_is_named_by_digest_where_there_is_one() -> None:
    digest = "sha256:" + "a" * 64
    image = {"repository": "registry.example/sluicegate", "tag": "1", "digest": digest}
    for pod in pods(
        with_values(image=image, valkey={"enabled": False}, state={"url": "redis://s:6379"})
    ):
        assert {c["image"] for c in containers(pod)} == {f"registry.example/sluicegate@{digest}"}


def test_an_account_has_what_binds_it_to_a_role(least: list[Manifest]) -> None:
    role = {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/gateway"}
    manifests = with_values(serviceAccount={"annotations": role})
    assert one(manifests, "ServiceAccount", "gateway")["metadata"]["annotations"] == role
    assert gateway_pod(manifests)["spec"]["serviceAccountName"] == "gateway"
    before = one(manifests, "ServiceAccount", "gateway-migration")["metadata"]["annotations"]
    assert role.items() <= before.items()
    assert one(least, "ServiceAccount", "gateway")["automountServiceAccountToken"] is False
