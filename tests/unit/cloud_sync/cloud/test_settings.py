"""Settings: options over file over environment, and secrets kept."""

from pathlib import Path

import pytest

from cloud_sync.cloud.settings import CloudSettings, load_settings
from edge_runtime.errors import ConfigurationError


def test_an_option_wins_over_the_file_and_the_file_over_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "cloud.yaml"
    file.write_text("port: 2\nhost: 127.0.0.2\n")
    for name, value in {"PORT": "1", "HOST": "127.0.0.1", "POOL_SIZE": "3"}.items():
        monkeypatch.setenv(f"HYDROSIGHT_{name}", value)

    settings = load_settings(file, {"port": 4})

    assert (settings.port, settings.host, settings.pool_size) == (4, "127.0.0.2", 3)
    assert load_settings().port == 1


def test_the_database_url_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", "postgresql://user:hunter2@host/db")

    settings = load_settings()

    assert "hunter2" not in repr(settings)
    assert settings.connection_string() == "postgresql://user:hunter2@host/db"


def test_the_database_url_may_come_from_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "url").write_text("postgresql:///db\n")
    monkeypatch.delenv("HYDROSIGHT_DATABASE_URL", raising=False)
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL_FILE", str(tmp_path / "url"))

    assert load_settings().connection_string() == "postgresql:///db"
    (tmp_path / "url").unlink()
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_settings().connection_string()


def test_no_database_says_how_to_name_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", "")

    with pytest.raises(ConfigurationError) as refused:
        load_settings().connection_string()

    assert "HYDROSIGHT_DATABASE_URL=" in refused.value.hint


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [("PORT", "99999", "port"), ("TLS_CERT", "/nowhere.pem", "tls_key"), ("BODY_TIMEOUT_S", "-1", "body_timeout_s")],
)
def test_a_wrong_setting_is_named(name: str, value: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"HYDROSIGHT_{name}", value)

    with pytest.raises(ConfigurationError, match=said):
        load_settings()


def test_a_wrong_file_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "cloud.yaml"
    file.write_text("host: 127.0.0.1\nprot: 1\n")

    with pytest.raises(ConfigurationError, match=r"cloud\.yaml:2: prot"):
        load_settings(file)


def test_the_manual_names_every_setting() -> None:
    manual = (Path(__file__).parents[4] / "docs" / "cloud.md").read_text()

    assert [name for name in CloudSettings.model_fields if f"| `{name}` |" not in manual] == []


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://kim:hush%zz@db/x",
        "postgresql://kim:hush/1@db/x",
        "postgresql://kim:12/hush@db/x",
        "postgresql://kim:a@hush@db/x",
        "host=db password=a hush",
    ],
)
def test_a_database_url_that_is_wrong_is_refused_without_a_word_of_its_password(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", url)
    with pytest.raises(ConfigurationError) as refused:
        load_settings().connection_string()
    assert "hush" not in f"{refused.value} {refused.value.hint}"
    assert refused.value.__cause__ is None


@pytest.mark.parametrize(
    "url", ["postgresql://kim:a%40b@a:1,b:2/x", "postgresql:///x?host=/run/postgresql", "host=@abstract dbname=x"]
)
def test_a_database_url_of_any_form_that_libpq_takes_is_taken(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HYDROSIGHT_DATABASE_URL", url)
    assert load_settings().connection_string() == url
