import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from cloud_sync.model_target import ModelTarget

FIELDS = {
    "name": "rig",
    "version": "1.2.3",
    "release": 4,
    "minimum_agent_version": "0.10.0",
    "manifest_sha256": "0" * 64,
}


def test_path_is_made_of_name_and_version() -> None:
    assert ModelTarget.model_validate(FIELDS).path == "models/rig/1.2.3.tar"


def test_fields_of_a_newer_centre_are_ignored() -> None:
    assert ModelTarget.model_validate(FIELDS | {"rollout": "half"}) == ModelTarget.model_validate(FIELDS)


@pytest.mark.parametrize("agent", ["0.10.0", "0.10.1", "0.11.0rc1", "1.0.0"])
def test_runs_on_agents_as_new_as_it_needs(agent: str) -> None:
    assert ModelTarget.model_validate(FIELDS).runs_on(agent)


@pytest.mark.parametrize("agent", ["0.9.9", "0.1.0", "0.0.99"])
def test_does_not_run_on_older_agents(agent: str) -> None:
    assert not ModelTarget.model_validate(FIELDS).runs_on(agent)


@given(name=st.text(max_size=70), version=st.text(max_size=12))
def test_no_accepted_name_leaves_the_folder_of_models(name: str, version: str) -> None:
    try:
        model = ModelTarget.model_validate(FIELDS | {"name": name, "version": version})
    except ValidationError:
        return
    assert model.path.split("/") == ["models", name, f"{version}.tar"]
    assert name not in {".", "..", ""}
