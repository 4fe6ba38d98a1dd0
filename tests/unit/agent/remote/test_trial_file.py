import pytest

from agent.remote.document import RemoteDocument
from agent.remote.trial import Trial
from agent.remote.trial_file import TrialFile
from edge_runtime.errors import UpdateError

DOCUMENT = RemoteDocument(addressee="tiny", version=3, text="alerts: {raise_after: 7}\n")
TRIAL = Trial().activated(DOCUMENT, probation_s=10, watched=("plc", "rig"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "settings" / "trial.json"


def test_what_is_written_is_read_and_nobody_elses(path):
    assert TrialFile(path).read() == Trial()
    TrialFile(path).write(TRIAL)
    assert TrialFile(path).read() == TRIAL
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"probation": {"left_s": -1}}'])
def test_a_damaged_record_is_refused_because_it_held_the_highest_version(path, content):
    TrialFile(path).write(TRIAL)
    path.write_bytes(content)
    with pytest.raises(UpdateError, match="damaged") as refusal:
        TrialFile(path).read()
    assert "Remove the file" in refusal.value.hint


def test_a_record_of_a_newer_agent_is_left_alone(path):
    TrialFile(path).write(TRIAL.model_copy(update={"schema_version": 9}))
    with pytest.raises(UpdateError, match="schema version 9"):
        TrialFile(path).read()


def test_a_disk_that_refuses_is_said(path):
    path.parent.parent.joinpath("settings").write_text("in the way")
    with pytest.raises(UpdateError, match="can't be written"):
        TrialFile(path).write(TRIAL)
