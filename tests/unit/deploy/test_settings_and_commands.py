"""What manifests, images and the compose file ask of our programs, these take; what they mount is there."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from cloud_sync.cloud.settings import CloudSettings
from tests.unit.deploy.test_kubernetes import MANIFESTS, PODS

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose" / "compose.yaml").read_text())
CONTAINERFILES = {path.name.split(".")[0]: path.read_text() for path in (ROOT / "deploy" / "containers").iterdir()}
PROGRAMS = {
    "hydrosight": "agent.cli.main",
    "hydrosight-cloud": "cloud_sync.cloud.cli.main",
    "hydrosight-train": "training.cli.main",
}
ONLINE_KEYS = "./secrets/online-keys"
IMAGES = {"hydrosight-cloud": "hydrosight-cloud", "hydrosight-training": "hydrosight-train"}


def takes(program: str, arguments: list[str]) -> None:
    """Fail unless `program` knows these arguments."""
    app = importlib.import_module(PROGRAMS[program]).app
    result = CliRunner().invoke(app, [*arguments, "--help"])
    assert result.exit_code == 0, result.output
    for option in (item.split("=")[0] for item in arguments if item.startswith("--")):
        assert re.search(rf"{option}\b", re.sub(r"\x1b\[[0-9;]*m", "", result.output)), option


@pytest.mark.parametrize("name", PODS)
def test_the_programs_take_the_arguments_of_the_pods(name: str) -> None:
    for container in (one for one in PODS[name]["containers"] if one["image"] in IMAGES):
        takes(IMAGES[container["image"]], container["args"])


@pytest.mark.parametrize("name", CONTAINERFILES)
def test_the_programs_take_the_arguments_of_the_images(name: str) -> None:
    (program,) = json.loads(re.search(r"^ENTRYPOINT (.*)$", CONTAINERFILES[name], re.MULTILINE)[1])  # type: ignore[index]
    takes(program, json.loads(re.search(r"^CMD (.*)$", CONTAINERFILES[name], re.MULTILINE)[1]))  # type: ignore[index]


@pytest.mark.parametrize("name", CONTAINERFILES)
def test_images_are_pinned_run_without_root_and_copy_what_is_there(name: str) -> None:
    text = CONTAINERFILES[name]
    bases = [base for base in re.findall(r"^(?:FROM|ARG BASE=) ?(\S+)", text, re.MULTILINE) if "$" not in base]
    assert all(re.search(r":\d+\.\d+", base) for base in bases), bases
    assert re.findall(r"^USER (\S+)$", text, re.MULTILINE) == ["10001:10001"]
    for sources in re.findall(r"^COPY (?!--)(.*) \S+$", text, re.MULTILINE):
        assert all((ROOT / source).exists() for source in sources.split())


def test_the_centres_settings_are_settings() -> None:
    CloudSettings.model_validate(yaml.safe_load(MANIFESTS["centre-settings.yaml"]["data"]["cloud.yaml"]))
    for name, value in COMPOSE["services"]["centre"]["environment"].items():
        assert name.removeprefix("HYDROSIGHT_").lower() in CloudSettings.model_fields
        secret = value.removeprefix("/run/secrets/")
        assert secret == value or secret in COMPOSE["services"]["centre"]["secrets"]


def test_the_compose_file_fits_together() -> None:
    secrets, volumes = set(COMPOSE["secrets"]), set(COMPOSE["volumes"])
    for service in COMPOSE["services"].values():
        assert set(service.get("secrets", ())) <= secrets
        assert re.search(r":v?\d+\.\d+", service["image"]) or "build" in service, service["image"]
        for volume in service.get("volumes", ()):
            source = volume.split(":")[0]
            assert source in volumes or source == ONLINE_KEYS or (ROOT / "deploy" / "compose" / source).exists(), source
    used = [secret for service in COMPOSE["services"].values() for secret in service.get("secrets", ())]
    assert secrets == set(used)
    known = (ROOT / "deploy" / "compose" / ".env.example").read_text()
    for name in re.findall(r"\$\{(\w+)", (ROOT / "deploy" / "compose" / "compose.yaml").read_text()):
        assert f"{name}=" in known


def test_signed_models_have_a_volume_that_the_images_user_owns() -> None:
    centre, refresh = COMPOSE["services"]["centre"], COMPOSE["services"]["refresh"]
    repository = centre["environment"]["HYDROSIGHT_TUF_REPOSITORY"]
    mount = f"models:{repository}"
    assert mount in centre["volumes"]
    assert mount in refresh["volumes"]
    assert f"install --directory --owner=10001 --group=10001 --mode=0750 {repository}" in CONTAINERFILES["cloud"]


def test_the_keys_are_with_the_refresh_alone_which_has_no_network() -> None:
    with_keys = [
        name
        for name, service in COMPOSE["services"].items()
        if any(volume.startswith(ONLINE_KEYS) for volume in service.get("volumes", ()))
    ]
    assert with_keys == ["refresh"]
    refresh = COMPOSE["services"]["refresh"]
    assert refresh["network_mode"] == "none"
    (command,) = re.findall(r"hydrosight-cloud (model refresh [^;]*)", refresh["entrypoint"][-1])
    takes("hydrosight-cloud", command.split())
