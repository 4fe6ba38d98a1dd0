import json

import pytest
import typer

from agent.cli.output import percent, print_json, print_table, reported_errors, size_text, state_text, time_text
from edge_runtime.errors import BundleError, ConfigurationError
from edge_runtime.vocabulary import Ne107State


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (2_500_000, "2.5 MB"), (7e9, "7.0 GB"), (3e12, "3.0 TB")],
)
def test_sizes_are_in_a_unit_that_a_person_reads(size, text):
    assert size_text(size) == text


def test_what_is_not_known_is_a_dash():
    assert (percent(None), time_text(None)) == ("–", "–")
    assert (percent(0.256), time_text(1_767_225_600_999_999)) == ("26%", "2026-01-01 00:00:00")


@pytest.mark.parametrize("state", Ne107State)
def test_every_state_has_a_colour(state):
    assert state.value.replace("_", " ") in state_text(state)


@pytest.mark.parametrize(("error", "code"), [(BundleError, 1), (ConfigurationError, 2)])
def test_an_error_is_a_message_and_a_hint_and_its_exit_code(capsys, error, code):
    with pytest.raises(typer.Exit) as exit_, reported_errors():
        raise error("groups[0] is wrong", hint="use [brackets]")
    assert exit_.value.exit_code == code
    said = capsys.readouterr()
    assert said.err.splitlines() == ["error: groups[0] is wrong", "hint:  use [brackets]"]
    assert said.out == ""


def test_an_error_without_a_hint_is_its_message_alone(capsys):
    with pytest.raises(typer.Exit), reported_errors():
        raise BundleError("damaged")
    assert capsys.readouterr().err == "error: damaged\n"


def test_an_error_that_is_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), reported_errors():
        _ = 1 / 0


def test_json_is_one_line_with_its_letters_as_they_are(capsys):
    print_json({"unit": "°C", "value": [1, None]})
    line = capsys.readouterr().out
    assert line == '{"unit": "°C", "value": [1, null]}\n'
    assert json.loads(line) == {"unit": "°C", "value": [1, None]}


def test_an_empty_table_says_what_that_means(capsys):
    print_table("Alerts", [("what", "left")], [], "No alert stands.")
    assert capsys.readouterr().out == "No alert stands.\n"


def test_long_words_of_a_table_are_wrapped_only_where_they_may(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    print_table("", [("name", "left"), ("what", "wrap")], [["source-plc-number-7", "word " * 20]], "")
    lines = capsys.readouterr().out.splitlines()
    assert "source-plc-number-7" in lines[2 if not lines[0].strip() else 1]
    assert max(map(len, lines)) <= 40
    assert sum(line.count("word") for line in lines) == 20


def test_a_path_in_a_table_is_broken_and_not_cut_short(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "60")
    path = "/var/lib/hydrosight/" + "models/" * 10 + "manifest.json"
    print_table("", [("part", "left"), ("what", "wrap")], [["model", path]], "")
    said = capsys.readouterr().out
    assert "…" not in said
    assert path in "".join(said.replace("part", "").replace("what", "").replace("model ", "", 1).split())


def test_in_a_file_or_a_pipe_each_row_is_a_line(capsys, monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    print_table("", [("name", "left"), ("what", "wrap")], [["plc", "word " * 50], ["other", "x"]], "")
    lines = capsys.readouterr().out.splitlines()
    assert [line.count("word") for line in lines if line.strip()] == [0, 50, 0]


def test_text_for_which_there_is_no_room_goes_below_its_row(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    columns = [("from", "left"), ("length", "right"), ("sensors", "wrap"), ("detail", "wrap")]
    rows = [["2026-01-01 00:00:00", "26.2 s", "PS1, PS2", "no connection"], ["2026-01-02 00:00:00", "2 s", "TS1", ""]]
    print_table("Gaps", columns, rows, "")
    assert [line.rstrip() for line in capsys.readouterr().out.splitlines()] == [
        "Gaps",
        "from                 length",
        "2026-01-01 00:00:00  26.2 s",
        "  sensors: PS1, PS2",
        "  detail: no connection",
        "2026-01-02 00:00:00     2 s",
        "  sensors: TS1",
    ]
