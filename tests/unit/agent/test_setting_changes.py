from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from agent.setting_changes import setting_changes


class Item(BaseModel):
    name: str
    rate: float = 1.0
    fields: tuple[int, ...] = ()


class Section(BaseModel):
    limit: int = 1
    mode: Literal["fast", "slow"] = "fast"


class Whole(BaseModel):
    section: Section = Section()
    maybe: Section | None = None
    items: tuple[Item, ...] = ()


def changes(old, new):
    return [str(change) for change in setting_changes(old, new)]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (Whole(), Whole(section=Section(limit=2)), ["section.limit: changed 1 to 2"]),
        (Whole(), Whole(maybe=Section()), ["maybe: added"]),
        (Whole(maybe=Section()), Whole(), ["maybe: removed"]),
        (Whole(), Whole(items=(Item(name="plc"),)), ["items.plc: added"]),
        (
            Whole(items=(Item(name="plc"), Item(name="rig"))),
            Whole(items=(Item(name="rig"), Item(name="plc", rate=2.0, fields=(1,)))),
            ["items.plc.rate: changed 1.0 to 2.0", "items.plc.fields: changed"],
        ),
    ],
)
def test_each_change_has_a_key_and_is_said_in_a_line(old, new, said):
    assert changes(old, new) == said


ITEMS = st.builds(Item, name=st.sampled_from("abcd"), rate=st.sampled_from([1.0, 2.0]))
WHOLE = st.builds(
    Whole,
    section=st.builds(Section, limit=st.integers(0, 2)),
    maybe=st.none() | st.builds(Section),
    items=st.lists(ITEMS, unique_by=lambda item: item.name).map(tuple),
)


@given(WHOLE, WHOLE)
def test_nothing_is_said_exactly_when_both_are_the_same_but_for_the_order_of_items(old, new):
    def sorted_items(whole):
        return whole.model_copy(update={"items": tuple(sorted(whole.items, key=lambda item: item.name))})

    assert (not changes(old, new)) == (sorted_items(old) == sorted_items(new))


@given(WHOLE, WHOLE)
def test_the_way_back_changes_the_same_keys(old, new):
    there = {(change.key, repr(change.before), repr(change.after)) for change in setting_changes(old, new)}
    back = {(change.key, repr(change.after), repr(change.before)) for change in setting_changes(new, old)}
    assert there == back
