"""The shipped units, as systemd itself judges them."""

import configparser
import os
import shlex
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
SYSTEMD = ROOT / "systemd"
SERVICES = sorted(SYSTEMD.glob("*.service"))
UNITS = [*SERVICES, *sorted(SYSTEMD.glob("*.timer"))]

needs_systemd = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd-analyze is missing: apt-get install systemd"
)


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True, check=False)


def setting(unit: Path, name: str) -> list[str]:
    """Every value of a setting, in order; systemd allows a setting more than once."""
    lines = unit.read_text().splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{name}=")]


def writable_paths(unit: Path) -> set[str]:
    directories = {"StateDirectory": "/var/lib", "CacheDirectory": "/var/cache", "RuntimeDirectory": "/run"}
    return {f"{parent}/{name}" for kind, parent in directories.items() for name in setting(unit, kind)}


@needs_systemd
@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
def test_unit_is_valid(unit: Path) -> None:
    result = analyze("verify", "--recursive-errors=no", str(unit))
    assert result.returncode == 0, result.stderr


@needs_systemd
@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_service_is_exposed_at_most_2_of_10(unit: Path) -> None:
    result = analyze("security", "--offline=true", "--threshold=20", str(unit))
    assert result.returncode == 0, result.stdout


@needs_systemd
def test_threshold_tells_a_naive_unit_from_a_hardened_one(tmp_path: Path) -> None:
    naive = tmp_path / "naive.service"
    naive.write_text("[Service]\nExecStart=/usr/bin/env true\n")
    assert analyze("security", "--offline=true", "--threshold=20", str(naive)).returncode != 0


@pytest.mark.parametrize("unit", SERVICES, ids=lambda unit: unit.name)
def test_command_is_one_that_the_project_installs(unit: Path) -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    (command,) = setting(unit, "ExecStart")
    through, program, *_ = shlex.split(command)
    assert through == "/usr/bin/env"
    assert Path(program).parent == Path("/opt/hydrosight/bin")
    assert Path(program).name in scripts


def test_nothing_the_agent_can_write_can_be_executed() -> None:
    unit = SYSTEMD / "hydrosight.service"
    no_exec = {path for value in setting(unit, "NoExecPaths") for path in value.split()}
    executable = {path.lstrip("-") for value in setting(unit, "ExecPaths") for path in value.split()}

    assert "/" in no_exec
    assert writable_paths(unit) <= no_exec  # "/" alone doesn't cover their mounts
    assert {"/tmp", "/var/tmp", "/dev/shm"} <= no_exec
    assert not any(path.startswith(area) for area in executable for path in writable_paths(unit))


def test_agent_notifies_and_is_watched() -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str
    unit.read(SYSTEMD / "hydrosight.service")
    service = unit["Service"]
    assert (service["Type"], service["NotifyAccess"], service["Restart"]) == ("notify", "main", "always")
    assert service["WatchdogSec"] == "60s"
    assert service["ExecReload"] == service["ExecStart"].replace("hydrosight run", "hydrosight reload")
    assert "ORT_DISABLE_TELEMETRY=1" in setting(SYSTEMD / "hydrosight.service", "Environment")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make users and directories for them")
@pytest.mark.skipif(shutil.which("systemd-sysusers") is None, reason="systemd-sysusers is missing")
def test_users_groups_and_directories_of_the_units_are_made(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    for kind, option in (("sysusers", ()), ("tmpfiles", ("--create",))):
        files = [str(file) for file in SYSTEMD.glob(f"*.{kind}.conf")]
        subprocess.run([f"systemd-{kind}", f"--root={tmp_path}", *option, *files], check=True)

    users = {line.split(":")[0] for line in (tmp_path / "etc/passwd").read_text().splitlines()}
    members = {line.split(":")[0]: line.split(":")[3] for line in (tmp_path / "etc/group").read_text().splitlines()}
    assert {user for unit in SERVICES for user in setting(unit, "User")} <= users
    assert {group for group, names in members.items() if "hydrosight" in names.split(",")} == {
        "dialout",
        "video",
        "render",
    }
    settings = (tmp_path / "etc/hydrosight").stat()
    assert (settings.st_uid, settings.st_mode & 0o777) == (0, 0o750)
