"""Everything works: what the machine shows arrives in store, broker and database, once and as it was."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest

from edge_runtime.alert import AlertState
from edge_runtime.quality import Quality
from edge_runtime.reading import Series
from tests.rig.agent import FAILED, Agent
from tests.rig.arrived import Records, accepted, arrived, pending, stored
from tests.rig.listener import Listener, retained
from tests.rig.recordings import CYCLE_US, Readings, part_of_sample, write
from tests.rig.rig import MACHINE_NAME, Rig, enrol_at
from tests.rig.until import until
from tests.servers.postgres import PostgresServer, fresh_database

pytestmark = [pytest.mark.servers, pytest.mark.slow]

# Thirteen cycles of the sample with three and a half hours between the seventh and the eighth, and seconds of the next.
FIRST_US = 1_420_085_340_000_000
LAST_US = 1_420_133_525_000_000
CYCLES = 13
BEHIND_THE_GAP_US = 1_420_098_180_000_000

OVER_MQTT = {"FS1", "FS2", "VS1", "CE", "CP", "SE"}


@dataclass(frozen=True)
class Run:
    """A replay and what came of it. `agent` still runs."""

    played: Readings
    readings: Readings
    records: Records
    database_url: str
    agent: Agent
    listener: Listener
    rig: Rig


@pytest.fixture(scope="module")
def run(_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    played = part_of_sample(FIRST_US, LAST_US)
    folder = tmp_path_factory.mktemp("steady")
    recording = write(folder / "recording", played)
    with fresh_database(_postgres.url) as database_url, Rig(folder) as rig:
        agent = rig.agent(level_bias=FAILED)
        enrol_at(rig.centre(database_url), agent)
        listener = rig.listener()
        agent.start()
        rig.simulator.start(recording)
        rig.simulator.finish()
        until(lambda: agent.windows() == CYCLES, f"{CYCLES} windows are recorded")
        with agent.store() as store:
            until(lambda: pending(store) == 0, "the centre has everything")
            until(lambda: not store.statistics().unpublished_alerts, "the broker has every alert")
            readings, records = store.series(0, 2**62), stored(store)
        newest = max(records.diagnoses)
        until(
            lambda: any(said.window_start.timestamp() * 1e6 == newest for said in listener.diagnoses),
            "the broker has the newest diagnosis",
        )
        yield Run(played, readings, records, database_url, agent, listener, rig)


def as_sent(sensor: str, values: np.ndarray) -> np.ndarray:
    """What is left of values on their way: pressure and power are float32, temperature is in hundredths."""
    if sensor.startswith("TS"):
        return np.round(values * 100) / 100
    return values if sensor in OVER_MQTT else values.astype(np.float32).astype(np.float64)


def test_every_message_is_stored_once_with_its_value_and_time(run: Run) -> None:
    for sensor in OVER_MQTT:
        played, kept = run.played[sensor], run.readings[sensor]
        assert kept.times_us.tolist() == played.times_us.tolist()
        np.testing.assert_array_equal(kept.values, played.values)
        assert set(kept.statuses) == {Quality.GOOD}


@pytest.mark.parametrize("sensor", ["PS1", "PS4", "EPS1", "TS1", "TS4"])
def test_every_register_that_was_polled_is_stored_with_its_value_and_time(run: Run, sensor: str) -> None:
    played, kept = run.played[sensor], run.readings[sensor]
    at = np.searchsorted(played.times_us, kept.times_us)
    assert played.times_us[at].tolist() == kept.times_us.tolist()
    np.testing.assert_allclose(kept.values, as_sent(sensor, played.values[at]), atol=1e-9)
    # A poll every 12 ms may miss samples that come every 17 ms when the machine is busy, but not many.
    assert len(kept) > 0.6 * len(played)


def test_no_reading_is_stored_twice(run: Run) -> None:
    """Series hold every time once; the count of readings doesn't hide that any came twice."""
    with run.agent.store() as store:
        assert store.statistics().readings == sum(len(series) for series in run.readings.values())


def test_every_cycle_is_a_window_and_the_time_between_is_none(run: Run) -> None:
    first = range(FIRST_US, FIRST_US + 7 * CYCLE_US, CYCLE_US)
    second = range(BEHIND_THE_GAP_US, BEHIND_THE_GAP_US + 6 * CYCLE_US, CYCLE_US)
    assert sorted(run.records.diagnoses) == [*first, *second]
    assert {start for start, _ in run.records.windows} == {*first, *second}


def test_windows_hold_what_was_played(run: Run) -> None:
    for sensor in OVER_MQTT:
        for start_us in run.records.diagnoses:
            played: Series = run.played[sensor].between(start_us, start_us + CYCLE_US)
            samples = np.frombuffer(run.records.windows[start_us, sensor], "<f4")
            np.testing.assert_array_equal(samples, played.values.astype(np.float32))


def test_every_component_is_diagnosed_as_the_model_says(run: Run) -> None:
    for diagnosis in run.records.diagnoses.values():
        states = {item["component"]: item["ne107"] for item in diagnosis["components"] if item["condition"]}
        assert states == {
            "cooler": "failure",
            "valve": "failure",
            "pump": "out_of_specification",
            "accumulator": "failure",
        }


def test_alerts_are_raised_once_and_retained(run: Run) -> None:
    raised = Counter(alert.id for alert in run.listener.alerts if alert.state is AlertState.RAISED)
    faults = {"cooler", "valve", "pump", "accumulator"}
    assert {alert.component for alert in run.listener.alerts} == faults
    assert len(raised) == len(faults)
    assert set(raised.values()) == {1}
    kept = retained(run.rig.broker.port, f"hydrosight/{MACHINE_NAME}/alerts/#", at_least=len(faults))
    assert {alert["id"] for alert in kept.values()} == set(raised)


def test_the_latest_diagnosis_and_the_status_are_retained(run: Run) -> None:
    kept = retained(run.rig.broker.port, at_least=6)
    assert kept[f"hydrosight/{MACHINE_NAME}/status"] == "online"
    newest = run.records.diagnoses[max(run.records.diagnoses)]
    assert kept[f"hydrosight/{MACHINE_NAME}/diagnosis"] == newest


def test_everything_is_in_the_database_once_and_as_it_is_stored(run: Run) -> None:
    assert arrived(run.database_url) == run.records
    taken = accepted(run.database_url)
    assert (taken.windows, taken.diagnoses, taken.alerts) == (CYCLES, CYCLES, len(run.records.alerts))


def test_it_says_nothing_but_that_the_machine_was_not_there_yet_and_is_gone(run: Run) -> None:
    """The rig stops after what it has to play; whether its silence is said depends on how long these tests take."""
    said = [(line["event"], line.get("part")) for line in run.agent.log if line["level"] not in {"info", "debug"}]
    not_there, silent = ("part_failed", "source plc"), ("sensors_unwell", None)
    assert [one for one in said if one != silent] in ([], [not_there], [not_there, not_there])
    assert said.count(silent) <= 1


def test_its_last_will_is_published_when_it_is_killed(run: Run) -> None:
    run.agent.kill()
    until(lambda: run.listener.statuses[-1] == "offline", "the broker publishes the last will")
    assert run.listener.statuses == ["online", "offline"]
    assert retained(run.rig.broker.port, "hydrosight/+/status") == {f"hydrosight/{MACHINE_NAME}/status": "offline"}
