"""Ranges behave as the sets of numbers that they stand for."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge_runtime.number_ranges import NumberRanges

SETS = st.sets(st.integers(0, 60))
RANGES = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 8)).map(lambda pair: (pair[0], pair[0] + pair[1])))


def of(numbers):
    return NumberRanges.of((number, number) for number in numbers)


def numbers_in(ranges):
    return {number for first, last in ranges for number in range(first, last + 1)}


@given(RANGES)
def test_any_ranges_become_the_set_they_cover(ranges):
    made = NumberRanges.of(ranges)
    assert numbers_in(made) == numbers_in(ranges)
    assert made == of(numbers_in(ranges))
    assert len(made) == len(numbers_in(ranges))
    assert bool(made) == bool(ranges)


@given(SETS, SETS)
def test_union_difference_and_intersection_are_those_of_sets(a, b):
    assert of(a) | of(b) == of(a | b)
    assert of(a) - of(b) == of(a - b)
    assert of(a) & of(b) == of(a & b)


@given(SETS)
def test_ranges_are_ascending_and_apart(numbers):
    assert all(last + 1 < first for (_, last), (first, _) in itertools.pairwise(of(numbers)))


@given(st.integers(-3, 50))
def test_below_holds_every_number_before_its_end(end):
    assert numbers_in(NumberRanges.below(end)) == set(range(end))


def test_a_range_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValueError, match="5–4"):
        NumberRanges.of([(5, 4)])


def test_a_large_set_costs_as_little_as_a_small_one():
    assert len(NumberRanges.of([(0, 10**12), (10**12 + 1, 10**15)])) == 10**15 + 1


def test_the_text_names_ranges_and_single_numbers():
    assert str(NumberRanges.of([(0, 3), (7, 7)])) == "0–3, 7"
