"""The manifests are what Kubernetes takes, fit together, and give their pods no privilege."""

from pathlib import Path
from typing import Any

import kubernetes_validate
import pytest
import yaml

FOLDER = Path(__file__).parents[3] / "deploy" / "kubernetes"
VERSION = "1.34"
KUSTOMIZATION = yaml.safe_load((FOLDER / "kustomization.yaml").read_text())
MANIFESTS = {path.name: yaml.safe_load(path.read_text()) for path in sorted(FOLDER.glob("*.yaml"))}
MANIFESTS.pop("kustomization.yaml")

TEMPLATES: dict[str, Any] = {
    name: (manifest["spec"]["jobTemplate"] if manifest["kind"] == "CronJob" else manifest)["spec"]["template"]
    for name, manifest in MANIFESTS.items()
    if manifest["kind"] in {"Deployment", "Job", "CronJob"}
}
PODS = {name: template["spec"] for name, template in TEMPLATES.items()}


@pytest.mark.parametrize("name", MANIFESTS)
def test_the_schema_of_kubernetes_takes_it(name: str) -> None:
    kubernetes_validate.validate(MANIFESTS[name], VERSION, strict=True)


def test_the_schema_refuses_what_is_wrong() -> None:
    wrong: dict[str, Any] = {**MANIFESTS["centre-service.yaml"], "spec": {"ports": "443"}}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_everything_is_applied_but_the_training_run() -> None:
    assert set(KUSTOMIZATION["resources"]) == set(MANIFESTS) - {"training-job.yaml"}


@pytest.mark.parametrize("name", PODS)
def test_pods_have_no_privileges_and_bounded_memory(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert pod["automountServiceAccountToken"] is False
    for container in pod["containers"]:
        assert container["securityContext"]["allowPrivilegeEscalation"] is False
        assert container["securityContext"]["readOnlyRootFilesystem"] is True
        assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
        assert "memory" in container["resources"]["limits"]
        assert container["image"] in {image["name"] for image in KUSTOMIZATION["images"]}


@pytest.mark.parametrize("name", PODS)
def test_every_mount_has_its_volume_and_every_volume_a_mount(name: str) -> None:
    pod = PODS[name]
    mounted = {mount["name"] for container in pod["containers"] for mount in container["volumeMounts"]}
    assert mounted == {volume["name"] for volume in pod["volumes"]}


def test_services_and_budgets_select_the_pods_of_the_deployment() -> None:
    labels = MANIFESTS["centre-deployment.yaml"]["spec"]["template"]["metadata"]["labels"]
    assert MANIFESTS["centre-service.yaml"]["spec"]["selector"] == labels
    assert MANIFESTS["centre-disruption.yaml"]["spec"]["selector"]["matchLabels"] == labels
    target = MANIFESTS["centre-scaling.yaml"]["spec"]["scaleTargetRef"]["name"]
    assert target == MANIFESTS["centre-deployment.yaml"]["metadata"]["name"]
    (rule,) = MANIFESTS["network-policy.yaml"]["spec"]["podSelector"]["matchExpressions"]
    pods = {template["metadata"]["labels"]["app.kubernetes.io/name"] for template in TEMPLATES.values()}
    (redis,) = MANIFESTS["redis-network-policy.yaml"]["spec"]["podSelector"]["matchLabels"].values()
    (refresh,) = MANIFESTS["refresh-network-policy.yaml"]["spec"]["podSelector"]["matchLabels"].values()
    assert {*rule["values"], redis, refresh} == pods
    assert MANIFESTS["redis-service.yaml"]["spec"]["selector"] == {"app.kubernetes.io/name": redis}


def test_settings_name_files_that_are_mounted() -> None:
    for pod in PODS.values():
        for container in pod["containers"]:
            mounts = tuple(f"{mount['mountPath']}/" for mount in container["volumeMounts"])
            files = [one["value"] for one in container.get("env", ()) if one["name"].endswith("_FILE")]
            assert all(file.startswith(mounts) for file in files), files


def test_ports_are_those_that_the_settings_and_the_servers_have() -> None:
    settings = yaml.safe_load(MANIFESTS["centre-settings.yaml"]["data"]["cloud.yaml"])
    (port,) = PODS["centre-deployment.yaml"]["containers"][0]["ports"]
    assert port["containerPort"] == settings["port"]
    assert MANIFESTS["centre-service.yaml"]["spec"]["ports"][0]["targetPort"] == port["name"]
    annotations = TEMPLATES["centre-deployment.yaml"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(settings["port"])
    policy = MANIFESTS["network-policy.yaml"]["spec"]
    assert policy["ingress"] == [{"ports": [{"port": settings["port"], "protocol": "TCP"}]}]
    (redis,) = PODS["redis-deployment.yaml"]["containers"][0]["ports"]
    reached = {port["port"] for rule in policy["egress"] for port in rule["ports"]}
    assert reached == {5432, redis["containerPort"], 53}
    (let_in,) = MANIFESTS["redis-network-policy.yaml"]["spec"]["ingress"]
    assert let_in["ports"][0]["port"] == redis["containerPort"]


def test_a_disruption_leaves_a_server_and_the_memory_is_that_of_the_settings() -> None:
    scaling = MANIFESTS["centre-scaling.yaml"]["spec"]
    assert (
        MANIFESTS["centre-disruption.yaml"]["spec"]["minAvailable"] < scaling["minReplicas"] <= scaling["maxReplicas"]
    )
    assert "replicas" not in MANIFESTS["centre-deployment.yaml"]["spec"], "else each apply would undo the scaling"
    assert "cpu" in PODS["centre-deployment.yaml"]["containers"][0]["resources"]["requests"], "the scaling goes by it"


def test_models_lie_where_every_server_and_the_refresh_can_write() -> None:
    claim = MANIFESTS["centre-models.yaml"]
    repository = yaml.safe_load(MANIFESTS["centre-settings.yaml"]["data"]["cloud.yaml"])["tuf_repository"]
    for name in ("centre-deployment.yaml", "refresh-cronjob.yaml"):
        (volume,) = (one for one in PODS[name]["volumes"] if "persistentVolumeClaim" in one)
        assert volume["persistentVolumeClaim"] == {"claimName": claim["metadata"]["name"]}
        (mount,) = (one for one in PODS[name]["containers"][0]["volumeMounts"] if one["name"] == volume["name"])
        assert mount == {"name": volume["name"], "mountPath": repository}
        assert PODS[name]["securityContext"]["fsGroup"] == PODS[name]["securityContext"]["runAsUser"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert f"--repository={repository}" in PODS["refresh-cronjob.yaml"]["containers"][0]["args"]


def test_keys_are_where_no_server_is() -> None:
    """A server that is broken into can sign nothing."""
    with_keys = [
        name
        for name, pod in PODS.items()
        if any(volume.get("secret", {}).get("secretName") == "centre-online-keys" for volume in pod["volumes"])
    ]
    assert with_keys == ["refresh-cronjob.yaml"]
    assert not {"ingress", "egress"} & MANIFESTS["refresh-network-policy.yaml"]["spec"].keys()
