import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from edge_runtime.errors import ConfigurationError
from edge_runtime.yaml_file import load_yaml


class Pump(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    flow_l_min: float = Field(gt=0)


class Plant(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    main: Pump | None = None
    pumps: tuple[Pump, ...] = Field(default=(), min_length=1)


def faults_of(tmp_path, text: str) -> list[str]:
    file = tmp_path / "plant.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigurationError) as caught:
        load_yaml(file, Plant)
    assert caught.value.hint
    lines = str(caught.value).splitlines()
    assert all(line.startswith(f"{file}:") for line in lines)
    return [line.removeprefix(f"{file}:") for line in lines]


def test_a_right_file_becomes_its_model(tmp_path):
    file = tmp_path / "plant.yaml"
    file.write_text("name: Süd\npumps:\n  - {name: a, flow_l_min: 3}\n", encoding="utf-8")
    assert load_yaml(file, Plant) == Plant(name="Süd", pumps=(Pump(name="a", flow_l_min=3),))


def test_every_fault_is_listed_with_line_path_and_remedy(tmp_path):
    text = """\
name: south
main:
  name: a
pumps:
  - name: b
    flow_l_min: -3
  - {name: c, flow_lmin: 5, flow_l_min: 1}
colour: red
"""
    assert faults_of(tmp_path, text) == [
        "2: main.flow_l_min: is missing",
        "6: pumps.0.flow_l_min: Input should be greater than 0 (given: -3)",
        "7: pumps.1.flow_lmin: there is no such key, did you mean flow_l_min",
        "8: colour: there is no such key, there are name, main, pumps",
    ]


def test_a_list_that_is_too_short_is_said_to_be(tmp_path):
    (fault,) = faults_of(tmp_path, "name: south\npumps: []\n")
    assert fault.startswith("2: pumps: Tuple should have at least 1 item")


def test_a_key_given_twice_is_named_with_the_later_line(tmp_path):
    text = "name: south\npumps:\n  - name: a\n    flow_l_min: 1\n    name: b\nname: north\n"
    assert faults_of(tmp_path, text) == [
        "5: name: is there twice, write it once",
        "6: name: is there twice, write it once",
    ]


def test_broken_yaml_is_named_with_its_line(tmp_path):
    (fault,) = faults_of(tmp_path, "name: south\npumps: [\n  {name: a,\n")
    assert "is not valid YAML" in fault
    assert int(fault.split(":")[0]) >= 3


@pytest.mark.parametrize(("text", "held"), [("", "nothing"), ("- a\n", "list"), ("seven\n", "str")])
def test_what_is_no_mapping_is_said_to_be_none(tmp_path, text, held):
    assert faults_of(tmp_path, text) == [f"1: holds {held}, a mapping is needed"]


def test_python_objects_are_not_made(tmp_path):
    (fault,) = faults_of(tmp_path, "name: !!python/object/apply:os.getcwd []\n")
    assert fault.startswith("1: is not valid YAML: could not determine a constructor")


def test_text_that_is_not_utf_8_is_refused(tmp_path):
    file = tmp_path / "plant.yaml"
    file.write_bytes("name: Süd\n".encode("latin-1"))
    with pytest.raises(ConfigurationError, match="is not UTF-8 text"):
        load_yaml(file, Plant)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigurationError, match=r"none\.yaml: can't be read: No such file"):
        load_yaml(tmp_path / "none.yaml", Plant)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(alphabet="abc:-[]{}&*!|>'\"#%@`,? \n\t1.~<=", max_size=60))
def test_any_text_gives_a_model_or_a_configuration_error(tmp_path, text):
    file = tmp_path / "plant.yaml"
    file.write_text(text, encoding="utf-8")
    try:
        load_yaml(file, Plant)
    except ConfigurationError as error:
        assert str(file) in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "text",
    ["[" * 100_000, "{a: " * 100_000, "- " * 100_000, "name: " + "[" * 60 + "]" * 60],
    ids=["lists", "mappings", "items", "closed"],
)
def test_a_text_without_a_bottom_is_refused(tmp_path, text: str):
    assert faults_of(tmp_path, text) == ["1: is more than 50 levels deep"]


@pytest.mark.parametrize(
    "text",
    [
        "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 40)),
        "a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{', '.join([f'*a{n - 1}'] * 9)}]}}\n" for n in range(1, 40)),
        "name: &self [*self]\n",
    ],
    ids=["aliases of aliases", "merges of merges", "itself"],
)
def test_a_text_that_stands_for_a_huge_one_is_refused(tmp_path, text: str):
    assert faults_of(tmp_path, text) == ["1: holds more than 200,000 values, or itself, by its aliases (*)"]


def test_aliases_may_save_writing(tmp_path):
    file = tmp_path / "plant.yaml"
    file.write_text("name: south\nmain: &pump {name: a, flow_l_min: 3}\npumps: [*pump, *pump]\n")
    pump = Pump(name="a", flow_l_min=3)
    assert load_yaml(file, Plant) == Plant(name="south", main=pump, pumps=(pump, pump))
