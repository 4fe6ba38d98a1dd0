"""What is said of a server, its account and its connections."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from cloud_sync.cloud.inspection.finding import Severity
from cloud_sync.cloud.inspection.server import Extension, Server, Slot, judge_extension, judge_server, judge_slots

NOW = datetime(2026, 1, 1, tzinfo=UTC)
GOOD = Server(
    version="18.1", major=18, fsync=True, full_page_writes=True, synchronous_commit="on", connections=97, connected=9,
    standby=False, now=NOW, account="hydrosight", superuser=False, may_create=True, not_owned=[], size=10**9,
)  # fmt: skip


def test_a_good_server_gives_no_cause_for_anything() -> None:
    found = list(judge_server(GOOD, pool_size=8, now=NOW))
    assert {finding.severity for finding in found} == {Severity.OK}
    assert {finding.about for finding in found} == {"settings", "rights", "connections", "version", "clock"}


@pytest.mark.parametrize(
    ("fault", "about", "severity", "word"),
    [
        ({"fsync": False}, "settings", Severity.FAILURE, "fsync is off"),
        ({"full_page_writes": False}, "settings", Severity.FAILURE, "full_page_writes is off"),
        ({"standby": True}, "settings", Severity.FAILURE, "standby"),
        ({"not_owned": ["windows"]}, "rights", Severity.FAILURE, "doesn't own windows"),
        ({"may_create": False}, "rights", Severity.FAILURE, "may not create"),
        ({"superuser": True}, "rights", Severity.WARNING, "superuser"),
        ({"connections": 10}, "connections", Severity.FAILURE, "10"),
        ({"connections": 20}, "connections", Severity.WARNING, "20"),
        ({"connected": 90}, "connections", Severity.WARNING, "90 of 97"),
        ({"version": "14.9", "major": 14}, "version", Severity.WARNING, "14.9"),
        ({"now": NOW + timedelta(minutes=2)}, "clock", Severity.WARNING, "120 s"),
    ],
)
def test_each_fault_is_named_with_a_remedy(fault: dict[str, object], about: str, severity: Severity, word: str) -> None:
    (bad,) = [
        finding
        for finding in judge_server(replace(GOOD, **fault), pool_size=8, now=NOW)  # type: ignore[arg-type]
        if finding.severity is not Severity.OK
    ]
    assert (bad.about, bad.severity) == (about, severity)
    assert word in bad.found
    assert bad.remedy


@pytest.mark.parametrize(
    ("extension", "severity"),
    [
        (None, Severity.OK),
        (Extension("2.28.3", "2.28.3"), Severity.OK),
        (Extension(None, "2.28.3"), Severity.WARNING),
        (Extension("2.28.0", "2.28.3"), Severity.WARNING),
        (Extension("2.99.0", "2.99.0"), Severity.WARNING),
    ],
)
def test_timescaledb_is_in_use_whole_and_tested(extension: Extension | None, severity: Severity) -> None:
    assert judge_extension(extension).severity is severity


def test_a_slot_that_nobody_reads_is_named_once_it_holds_much() -> None:
    (found,) = judge_slots([Slot("old", 5 * 2**30), Slot("young", 2**20)])
    assert "old" in found.found
    assert "5.0 GiB" in found.found
    assert "pg_drop_replication_slot('old')" in found.remedy
