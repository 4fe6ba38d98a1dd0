"""Lists of the centre's commands, as people see them on a terminal of 80 columns."""

import pytest

from cloud_sync.cloud.cli.listing import show_list

COLUMNS = ("tenant", "machine", "agent", "last seen", "model", "health", "alerts", "lag", "clock")
ROW = ("acme", "press-line-north-20", "6a1eb4e18597", "12 min ago", "1.14.0", "100%", "12", "12 min", "12 d behind")


@pytest.fixture
def shown(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")

    def show(rows, columns=COLUMNS):
        show_list(rows, columns, lambda row: row, nothing="None.", as_json=False)
        return capsys.readouterr().out

    return show


def test_nothing_is_cut_short_where_the_terminal_is_narrow(shown):
    said = shown([ROW])
    assert "…" not in said
    assert max(map(len, said.splitlines())) <= 80
    assert ROW[2] in said, "the id by which `agent revoke` names a box"
    letters = sorted("".join((*COLUMNS, *ROW)).replace(" ", ""))
    assert sorted("".join(said.split())) == letters


def test_in_a_file_or_a_pipe_each_row_is_a_line(shown, monkeypatch):
    monkeypatch.delenv("COLUMNS")
    said = shown([("1", "note " * 50), ("2", "short")], ("id", "note"))
    assert [line.count("note") for line in said.splitlines()] == [1, 50, 0]


def test_brackets_in_a_note_are_no_markup(shown):
    assert "[bold]spool[/]" in shown([("1", "[bold]spool[/]")], ("id", "note"))


def test_an_empty_list_says_what_that_means(shown):
    assert shown([]) == "None.\n"
