"""The credential file: whole, private, and plain about what is wrong with it."""

import stat
from pathlib import Path

import pytest

from cloud_sync.edge.credential import read_credential, write_credential
from cloud_sync.wire import Enrolment
from edge_runtime.errors import ConfigurationError, CredentialError

ENROLMENT = Enrolment("a1", "hsa_a1_secret", "rig")


def test_what_is_written_is_read_back_and_private(tmp_path: Path) -> None:
    path = tmp_path / "credential.json"

    write_credential(path, Enrolment("a0", "hsa_a0_old", "rig"))
    write_credential(path, ENROLMENT)

    assert read_credential(path) == ENROLMENT
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_left_over_partial_file_with_wide_permissions_is_not_reused(tmp_path: Path) -> None:
    path = tmp_path / "credential.json"
    (tmp_path / "credential.json.partial").write_text("")
    (tmp_path / "credential.json.partial").chmod(0o666)

    write_credential(path, ENROLMENT)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o644])
def test_a_file_that_others_can_read_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "credential.json"
    write_credential(path, ENROLMENT)
    path.chmod(mode)

    with pytest.raises(CredentialError, match=f"{mode:04o}") as refused:
        read_credential(path)

    assert f"chmod 600 {path}" in refused.value.hint


def test_a_damaged_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "credential.json"
    write_credential(path, ENROLMENT)
    path.write_bytes(path.read_bytes()[:-5])

    with pytest.raises(CredentialError, match="damaged") as refused:
        read_credential(path)

    assert "hsa_a1" not in str(refused.value)


def test_no_file_means_not_enrolled(tmp_path: Path) -> None:
    with pytest.raises(CredentialError, match="isn't enrolled"):
        read_credential(tmp_path / "credential.json")


def test_no_folder_to_write_to(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="can't be written"):
        write_credential(tmp_path / "missing" / "credential.json", ENROLMENT)
