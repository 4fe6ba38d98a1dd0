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
PODS = {
    name: manifest["spec"]["template"]["spec"]
    for name, manifest in MANIFESTS.items()
    if manifest["kind"] in {"Deployment", "Job"}
}


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
    pods = {
        manifest["spec"]["template"]["metadata"]["labels"]["app.kubernetes.io/name"]
        for name, manifest in MANIFESTS.items()
        if name in PODS
    }
    (redis,) = MANIFESTS["redis-network-policy.yaml"]["spec"]["podSelector"]["matchLabels"].values()
    assert {*rule["values"], redis} == pods
    assert MANIFESTS["redis-service.yaml"]["spec"]["selector"] == {"app.kubernetes.io/name": redis}


def test_settings_name_files_that_are_mounted() -> None:
    for pod in PODS.values():
        for container in pod["containers"]:
            mounts = tuple(f"{mount['mountPath']}/" for mount in container["volumeMounts"])
            files = [one["value"] for one in container.get("env", ()) if one["name"].endswith("_FILE")]
            assert all(file.startswith(mounts) for file in files), files
