"""Which gap a diagnosis names for a sensor that has no readings in a window."""

import pytest

from agent.gap_causes import explained, lack_readings
from agent.store.gaps import Gap, GapCause
from edge_runtime.sensor_check import SensorFault, SensorFaultKind

START, END = 1_000, 2_000
SILENT = SensorFault(sensor="PS1", kind=SensorFaultKind.SILENT, message="PS1: no valid reading in the window")
DOWN = Gap(1, GapCause.SOURCE_DOWN, "plc", ("PS1", "PS2"), 900)


def test_the_cause_is_in_the_words_and_in_a_field_of_its_own():
    (fault,) = explained([SILENT], [DOWN], START, END)
    assert fault.message == "PS1: no valid reading in the window: source down (plc)"
    assert fault.gap == "source down"


def test_of_several_gaps_the_one_that_took_most_of_the_window_is_named():
    killed = Gap(2, GapCause.KILLED, "", (), 0, START + 300)
    brief = Gap(3, GapCause.SOURCE_DOWN, "plc", ("PS1",), START + 300, START + 500)
    for gaps in ([killed, brief], [brief, killed]):
        (fault,) = explained([SILENT], gaps, START, END)
        assert fault.message.endswith("in the window: agent killed")


@pytest.mark.parametrize(
    "gap",
    [
        pytest.param(Gap(1, GapCause.SOURCE_DOWN, "plc", ("PS2",), 0), id="of another sensor"),
        pytest.param(Gap(1, GapCause.LATE_POLLS, "plc", (), 0, 3_000), id="of a source, nobody knows which sensors"),
        pytest.param(Gap(1, GapCause.KILLED, "", (), 0, START), id="over before the window"),
        pytest.param(Gap(1, GapCause.KILLED, "", (), END, END + 1), id="after the window"),
    ],
)
def test_what_has_nothing_to_do_with_it_is_not_named(gap):
    assert explained([SILENT], [gap], START, END) == (SILENT,)


def test_a_sensor_that_is_stuck_is_not_explained_by_a_gap():
    stuck = SILENT.model_copy(update={"kind": SensorFaultKind.STUCK})
    assert not lack_readings([stuck])
    assert lack_readings([stuck, SILENT])
    assert explained([stuck], [DOWN], START, END) == (stuck,)
