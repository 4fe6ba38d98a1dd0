import numpy as np
import pytest
import torch

from gnn.normalisation import CHANNELS
from gnn.programme import MOST_OFF, PARTS, CycleProgramme

TOKENS, KIND = 16, 3
PART = TOKENS // PARTS


def cycles(count: int = 200, stopped: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Two measured channels, one of which may rest from the third part on in the last cycles, and so the other."""
    random = np.random.default_rng(0)
    values = np.zeros((count, CHANNELS, TOKENS), np.float32)
    values[:, :2] = np.sin(np.arange(TOKENS)) + 0.05 * random.normal(size=(count, 2, TOKENS))
    values[count - stopped :, :2, 2 * PART :] = 30.0
    mask = np.zeros_like(values)
    mask[:, :2] = 1
    return values, mask


def compared(programme: CycleProgramme, values: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    types = torch.full((len(values),), KIND)
    deviation, usable = programme(torch.from_numpy(values), torch.from_numpy(mask), types)
    return deviation.numpy(), usable.numpy()


def learned(values: np.ndarray, mask: np.ndarray) -> CycleProgramme:
    programme = CycleProgramme(TOKENS)
    programme.fit(values, mask, np.full(len(values), KIND))
    return programme


def test_the_usual_course_comes_out_as_deviations_of_about_one():
    values, mask = cycles()
    deviation, usable = compared(learned(values, mask), values, mask)
    assert np.median(deviation[:, :2].std(0)) == pytest.approx(1.0, rel=0.3)
    assert usable[:, :2].all()
    assert not usable[:, 2:].any()


def test_cycles_that_stopped_halfway_are_usable_up_to_there():
    values, mask = cycles(stopped=30)
    _, usable = compared(learned(values, mask), values, mask)
    assert usable[:, :2, :2].all()
    assert usable[:170, :2].all()
    assert not usable[170:, :, 2:].any()


def test_where_most_cycles_are_unlike_each_other_there_is_no_programme_to_leave():
    values, mask = cycles()
    wild = np.arange(int(200 * MOST_OFF) + 1)
    values[wild, :2, wild % TOKENS] = 100.0
    _, usable = compared(learned(values, mask), values, mask)
    assert usable[:, :2].all()


def test_one_channel_that_leaves_the_programme_alone_is_off_by_itself():
    values, mask = cycles()
    programme = learned(values, mask)
    values[0, 0, 0] = 50.0
    _, usable = compared(programme, values[:1], mask[:1])
    assert usable[0, 0].tolist() == [0, 1, 1, 1]
    assert usable[0, 1].all()


def test_two_channels_that_leave_it_take_the_part_from_all():
    values, mask = cycles()
    values[:, 2], mask[:, 2] = values[:, 1] / 2, 1
    programme = learned(values, mask)
    values[0, :2, 0] = 50.0
    _, usable = compared(programme, values[:1], mask[:1])
    assert usable[0, :3].tolist() == [[0, 1, 1, 1]] * 3


def test_a_part_that_was_not_measured_is_not_usable():
    values, mask = cycles()
    programme = learned(values, mask)
    mask[0, 1, PART : 2 * PART] = 0
    _, usable = compared(programme, values[:1] * mask[:1], mask[:1])
    assert usable[0, 0].all()
    assert usable[0, 1].tolist() == [1, 0, 1, 1]


def test_a_gap_takes_what_the_signal_deviates_by_on_either_side():
    values, mask = cycles()
    programme = learned(values, mask)
    values[0, 0] = programme.centre[KIND, 0] + 2 * programme.spread[KIND, 0]
    mask[0, 0, 5] = 0
    deviation, _ = compared(programme, values[:1] * mask[:1], mask[:1])
    assert deviation[0, 0] == pytest.approx(np.full(TOKENS, 2.0), abs=1e-3)


def test_a_channel_that_never_changes_deviates_by_nothing():
    values, mask = cycles()
    values[:, 1] = 7.0
    deviation, usable = compared(learned(values, mask), values, mask)
    assert not deviation[:, 1].any()
    assert usable[:, 1].all()
