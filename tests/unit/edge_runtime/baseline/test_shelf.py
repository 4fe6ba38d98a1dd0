import pytest

from edge_runtime.baseline.shelf import KEPT, STATE_FILE, BaselineShelf
from edge_runtime.errors import BaselineError
from tests.models.working_machine import baseline_of, window_at

BASELINE = baseline_of([window_at(number) for number in range(6)])


@pytest.fixture
def shelf(tmp_path):
    return BaselineShelf(tmp_path / "baseline")


def test_an_empty_shelf_has_nothing_in_use(shelf):
    assert shelf.active() is None
    assert shelf.versions == ()
    assert shelf.mark is None


def test_a_new_version_is_in_use_and_is_what_was_learned(shelf):
    assert shelf.add(BASELINE).version == 1
    assert shelf.add(BASELINE).version == 2
    assert shelf.active() == BASELINE.model_copy(update={"version": 2})
    assert shelf.versions == (1, 2)


def test_the_latest_few_are_kept_and_no_number_comes_twice(shelf):
    for _ in range(KEPT + 3):
        shelf.add(BASELINE)
    assert shelf.versions == tuple(range(4, KEPT + 4))
    shelf.restore(4)
    assert shelf.add(BASELINE).version == KEPT + 4


def test_what_is_forgotten_is_kept_and_comes_back(shelf):
    shelf.add(BASELINE)
    shelf.add(BASELINE)
    assert shelf.forget() == 2
    assert shelf.active() is None
    assert shelf.forget() is None
    assert shelf.restore().version == 2
    assert shelf.restore().version == 1
    assert shelf.active().version == 1


def test_there_must_be_something_to_go_back_to(shelf):
    with pytest.raises(BaselineError, match="no earlier baseline"):
        shelf.restore()
    shelf.add(BASELINE)
    with pytest.raises(BaselineError, match="no earlier baseline"):
        shelf.restore()
    with pytest.raises(BaselineError, match=r"0007\.json: can't be read") as refused:
        shelf.restore(7)
    assert refused.value.hint == "There are: 1."
    assert shelf.active().version == 1


def test_every_change_shows_in_the_mark(shelf):
    marks = [shelf.mark]
    for change in (lambda: shelf.add(BASELINE), lambda: shelf.add(BASELINE), shelf.forget, shelf.restore):
        change()
        marks.append(shelf.mark)
    assert len(set(marks)) == len(marks)
    assert shelf.mark == marks[-1]


def test_a_damaged_state_is_said_and_restoring_a_version_mends_it(shelf, tmp_path):
    shelf.add(BASELINE)
    shelf.add(BASELINE)
    (tmp_path / "baseline" / STATE_FILE).write_text("{")
    with pytest.raises(BaselineError, match=r"state\.json: is damaged") as damaged:
        shelf.active()
    assert "(1, 2): hydrosight baseline restore" in damaged.value.hint
    shelf.restore(1)
    assert shelf.active().version == 1
    assert shelf.add(BASELINE).version == 3


def test_a_damaged_version_is_refused_and_another_stays_in_use(shelf, tmp_path):
    shelf.add(BASELINE)
    shelf.add(BASELINE)
    (tmp_path / "baseline" / "0001.json").write_bytes(b"\x00" * 100)
    with pytest.raises(BaselineError, match=r"0001\.json: document"):
        shelf.restore(1)
    assert shelf.active().version == 2


def test_where_nothing_can_be_written_it_says_so(tmp_path):
    (tmp_path / "baseline").write_text("a file where the folder should be")
    with pytest.raises(BaselineError, match="can't be changed"):
        BaselineShelf(tmp_path / "baseline").add(BASELINE)
