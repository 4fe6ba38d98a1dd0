from dataclasses import replace

import pytest

from agent.reload_plan import TAKEN_UP_BY, plan_reload
from agent.settings import AgentSettings
from tests.unit.agent.reloading import SENSORS, configuration, modbus, mqtt

PLC, RIG = modbus("plc", SENSORS[0]), mqtt("rig", SENSORS[1])
BEFORE = configuration(modbus=[PLC], mqtt=[RIG])


def test_the_same_settings_change_nothing():
    plan = plan_reload(BEFORE, configuration(modbus=[PLC], mqtt=[RIG]))
    assert plan.is_empty
    assert plan.keep == ("plc", "rig")
    assert str(plan) == "nothing changed"


def test_sources_are_told_apart_by_name():
    new = configuration(modbus=[PLC | {"timeout_s": 2}], mqtt=[mqtt("press", SENSORS[1])])
    plan = plan_reload(BEFORE, new)
    assert (plan.keep, plan.stop, plan.replace, plan.start) == ((), ("rig",), ("plc",), ("press",))
    assert str(plan) == "stop rig; restart plc; start press"
    assert plan.needs_restart == ()


def test_a_source_that_becomes_another_kind_is_replaced():
    plan = plan_reload(BEFORE, configuration(mqtt=[RIG, mqtt("plc", SENSORS[0])]))
    assert (plan.keep, plan.replace, plan.stop, plan.start) == (("rig",), ("plc",), (), ())


def test_their_order_counts_for_nothing():
    two = [modbus("a", SENSORS[0]), modbus("b", SENSORS[1])]
    assert plan_reload(configuration(modbus=two), configuration(modbus=two[::-1])).is_empty


@pytest.mark.parametrize(
    ("sections", "parts"),
    [
        ({"store": {"flush_interval_s": 0.5}}, ("recorder",)),
        ({"store": {"max_bytes": 2**30}}, ("store limits",)),
        ({"windows": {"lateness_s": 5}}, ("windows and alerts",)),
        ({"alerts": {"raise_after": 5}, "windows": {"lateness_s": 5}}, ("windows and alerts",)),
        ({"broker": {"host": "broker"}}, ("alerts broker",)),
        ({"centre": {"url": "https://centre"}}, ("centre", "model updates", "remote settings")),
        ({"model": {"bundle": "/box/bundle", "threads": 2}}, ("model",)),
    ],
)
def test_a_section_is_taken_up_by_its_parts_and_no_source_notices(sections, parts):
    plan = plan_reload(BEFORE, configuration(modbus=[PLC], mqtt=[RIG], **sections))
    assert plan.refit == parts
    assert plan.keep == ("plc", "rig")
    assert not plan.needs_restart


@pytest.mark.parametrize(
    ("sections", "key"),
    [
        ({"data_directory": "/elsewhere"}, "data_directory"),
        ({"machine": "/elsewhere.yaml"}, "machine"),
        ({"model": {"bundle": "/elsewhere"}}, "model.bundle"),
        ({"health": {"port": 1}}, "health.port"),
    ],
)
def test_what_nothing_takes_up_needs_a_restart(sections, key):
    plan = plan_reload(BEFORE, configuration(modbus=[PLC], mqtt=[RIG], **sections))
    assert plan.needs_restart == (key,)


def test_another_machine_needs_a_restart():
    machine = BEFORE.machine.model_copy(update={"name": "another"})
    assert plan_reload(BEFORE, configuration(modbus=[PLC], mqtt=[RIG], described=machine)).needs_restart == (
        "machine file",
    )


def test_other_advice_needs_a_restart():
    shipped = BEFORE.advice
    changed = replace(BEFORE, advice=shipped.model_copy(update={"rules": shipped.rules[1:]}))
    assert plan_reload(BEFORE, changed).needs_restart == ("advice file",)


@pytest.mark.parametrize("key", [key for key, _ in TAKEN_UP_BY])
def test_what_is_taken_up_is_a_setting(key):
    model = AgentSettings
    for step in key.split("."):
        field = model.model_fields[step]
        model = next((part for part in (field.annotation, *getattr(field.annotation, "__args__", ())) if part), None)
