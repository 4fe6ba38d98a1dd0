"""Signals are chosen by how well they tell the level under conditions that the choice has not seen."""

import numpy as np

from gnn.programme import PARTS
from gnn.signal_selection import Ranking, choose_signals

TOKENS, LEVELS, COUNT = 8, 3, 360
RANDOM = np.random.default_rng(0)
LEVEL = RANDOM.integers(0, LEVELS, COUNT)
SEASON = np.arange(COUNT) % 3
NOWHERE = np.full(COUNT, -1)


def recorded() -> np.ndarray:
    """Channel 0 shows the level at any season; channel 1 better, but each season moves it elsewhere; 2 is noise."""
    shape = np.linspace(-1, 1, TOKENS)
    cycle = 0.3 * RANDOM.normal(size=(COUNT, 3, TOKENS))
    cycle[:, 0] += LEVEL[:, None] * shape
    cycle[:, 1] += 3 * LEVEL[:, None] * shape
    cycle[np.arange(COUNT), 1, SEASON] += 30
    return cycle.astype(np.float32)


CYCLE = recorded()


def choose(
    cycle: np.ndarray = CYCLE, environment: tuple[np.ndarray, ...] = (SEASON, NOWHERE), level: np.ndarray = LEVEL
) -> Ranking:
    usable = np.ones((len(cycle), cycle.shape[1], PARTS), np.float32)
    return choose_signals(cycle, usable, level, np.stack(environment, 1))


def test_a_signal_that_a_condition_shifts_is_not_relied_on():
    first = choose().choices[0]
    assert first.channels[0]
    assert not first.channels[1]


def test_peers_of_the_first_do_without_what_does_not_carry_over():
    ranking = choose()
    assert not any(choice.channels[1] for choice, peer in zip(ranking.choices, ranking.peers[0], strict=True) if peer)
    assert ranking.peers.diagonal().all()


def test_a_choice_that_only_guesses_is_not_kept():
    assert not any(choice.channels.tolist() == [False, False, True] for choice in choose().choices)


def test_every_set_of_telling_signals_has_a_choice_for_every_part_of_the_cycle():
    cycle = CYCLE.copy()
    cycle[:, 1] = cycle[:, 0] + 0.3 * RANDOM.normal(size=(COUNT, TOKENS))
    choices = choose(cycle).choices
    for there in ({0}, {1}, {0, 1}):
        for parts in range(1, PARTS + 1):
            assert any(set(np.flatnonzero(one.channels)) <= there and one.parts <= parts for one in choices)


def test_without_conditions_to_hold_out_all_signals_and_the_whole_cycle_come_first():
    first = choose(environment=(NOWHERE,)).choices[0]
    assert first.channels.all()
    assert first.parts == PARTS


def test_a_condition_that_is_the_level_itself_can_not_be_held_out():
    assert choose(environment=(LEVEL,)).choices[0].channels.all()


def test_scores_that_fail_under_other_conditions_are_made_less_sure():
    steady = choose(CYCLE[:, :1]).choices[0].sharpness
    shifted = CYCLE.copy()[:, :1]
    shifted[:, 0] += 0.5 * SEASON[:, None] * np.linspace(-1, 1, TOKENS)
    choices = choose(shifted).choices
    assert not choices or choices[0].sharpness < steady


def test_a_signal_on_two_channels_is_one_signal():
    twice = np.concatenate([CYCLE, CYCLE[:, :1]], 1)
    assert all(choice.channels[0] == choice.channels[3] for choice in choose(twice).choices)


def test_the_same_windows_give_the_same_choices():
    one, other = choose(), choose()
    assert [choice.channels.tolist() for choice in one.choices] == [
        choice.channels.tolist() for choice in other.choices
    ]


def test_without_any_signal_there_is_nothing_to_choose():
    usable = np.zeros((COUNT, 3, PARTS), np.float32)
    assert not choose_signals(CYCLE, usable, LEVEL, SEASON[:, None]).choices


def test_whole_cycles_of_one_level_alone_leave_nothing_to_choose():
    usable = np.ones((COUNT, 3, PARTS), np.float32)
    mostly_healthy = np.where(RANDOM.random(COUNT) < 0.2, LEVEL, 0)
    usable[:, :2, -1] = (mostly_healthy == 0)[:, None]
    assert not choose_signals(CYCLE, usable, mostly_healthy, SEASON[:, None]).choices
