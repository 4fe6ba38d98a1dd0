from agent.remote.probation import SourceHealth, Watch

WELL, ILL, SILENT = SourceHealth(True, 5), SourceHealth(False, 5), SourceHealth(True, 0)


def beats(*courses, patience_s=10.0):
    watch = Watch(("plc", "rig"), patience_s)
    for plc, rig in courses:
        watch = watch.after(5, {"plc": plc, "rig": rig})
    return watch


def test_sources_that_work_never_fail():
    assert beats(*[(WELL, WELL)] * 100).failed == ()


def test_a_source_may_be_at_fault_for_as_long_as_the_patience_lasts():
    assert beats(*[(ILL, WELL)] * 2).failed == ()
    assert beats(*[(ILL, WELL)] * 3).failed == ("plc",)


def test_only_time_at_fault_in_a_row_counts():
    assert beats((ILL, WELL), (ILL, WELL), (WELL, WELL), (ILL, WELL), (ILL, WELL)).failed == ()


def test_a_source_that_is_gone_is_at_fault():
    watch = Watch(("plc",), 4).after(5, {})
    assert watch.failed == ("plc",)


def test_a_source_that_never_delivered_is_silent():
    sources = {"plc": WELL, "rig": SILENT, "new": SILENT}
    assert Watch(("plc", "rig", "gone"), 10).silent(sources) == ("rig", "gone")
