from agent.sources.base import SourceCounters, SourceStatus, StatusLine


def status_line():
    said = []
    return StatusLine("plc", said.append), said


def test_a_fault_is_said_once_and_its_end_once():
    line, said = status_line()
    for _ in range(3):
        line.faulty("no answer", "look at the cable")
    for _ in range(3):
        line.healthy()
    assert said == [
        SourceStatus("plc", healthy=False, message="no answer", hint="look at the cable"),
        SourceStatus("plc", healthy=True),
    ]


def test_faults_that_alternate_are_each_said_once_in_a_spell():
    line, said = status_line()
    for _ in range(3):
        line.faulty("refused")
        line.faulty("timed out")
    line.healthy()
    line.faulty("refused")
    assert [status.message for status in said] == ["refused", "timed out", "", "refused"]


def test_of_one_kind_of_fault_only_the_first_is_said():
    line, said = status_line()
    line.faulty("connection lost", kind="unreachable")
    line.faulty("connection refused", kind="unreachable")
    line.faulty("wrong password")
    assert [status.message for status in said] == ["connection lost", "wrong password"]


def test_nothing_is_said_when_all_is_well_from_the_start():
    line, said = status_line()
    line.healthy()
    assert said == []


def test_a_copy_of_the_counters_stands_still():
    counters = SourceCounters(readings=1, exceptions={2: 1})
    copy = counters.copy()
    counters.readings, counters.exceptions[2] = 5, 9
    assert copy == SourceCounters(readings=1, exceptions={2: 1})
