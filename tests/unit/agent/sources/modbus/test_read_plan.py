from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.sources.modbus.read_plan import Block, ReadLimits, ReadPlan, plan_reads
from agent.sources.modbus.registers import NumberType, RegisterKind, RegisterSettings


def register(sensor="S", address=0, **changes):
    return RegisterSettings.model_validate({"sensor": sensor, "address": address, **changes})


def floats(count, first=0):
    return [register(f"P{k}", first + 2 * k) for k in range(count)]


def spans(blocks):
    return [(block.address, block.count) for block in blocks]


@st.composite
def register_maps(draw):
    places = draw(st.lists(st.tuples(st.sampled_from(RegisterKind), st.integers(0, 600)), min_size=1, max_size=40))
    return [
        register(f"S{k}", address, kind=kind)
        if kind.holds_bits
        else register(f"S{k}", address, kind=kind, type=draw(st.sampled_from(NumberType)))
        for k, (kind, address) in enumerate(places)
    ]


limits = st.builds(ReadLimits, st.integers(4, 125), st.integers(1, 2000), st.integers(0, 125))


@given(register_maps(), limits)
def test_every_register_is_in_exactly_one_read_whole(registers, limits):
    blocks = plan_reads(registers, limits)
    planned = [entry for block in blocks for entry in block.entries]
    assert sorted(planned, key=str) == sorted(registers, key=str)
    for block in blocks:
        assert block.count <= limits.longest(block.kind)
        for entry in block.entries:
            assert entry.kind is block.kind
            assert block.address <= entry.address
            assert entry.address + entry.width <= block.address + block.count


@given(register_maps(), limits)
def test_neighbouring_reads_could_not_have_been_one(registers, limits):
    for one, next_one in pairwise(plan_reads(registers, limits)):
        if one.kind is next_one.kind:
            first = next_one.entries[0]
            gap = first.address - (one.address + one.count)
            together = max(one.address + one.count, first.address + first.width) - one.address
            assert gap > limits.gap(one.kind) or together > limits.longest(one.kind)


@given(register_maps())
def test_halving_a_read_ends_at_single_registers_and_loses_none(registers):
    blocks, singles = list(plan_reads(registers, ReadLimits())), []
    while blocks:
        block = blocks.pop()
        halves = block.halves()
        assert bool(halves) == (len(block.entries) > 1)
        blocks.extend(halves or ())
        singles.extend(() if halves else block.entries)
    assert sorted(singles, key=str) == sorted(registers, key=str)


class Device:
    """Refuses a read of more than `longest` addresses, and one that touches an address in `holes`."""

    def __init__(self, holes, longest):
        self.holes = holes
        self.longest = longest

    def refuses(self, block):
        span = range(block.address, block.address + block.count)
        return block.count > self.longest or not self.holes.isdisjoint(span)

    def teach(self, plan):
        """As the source does it: take each refused block apart."""
        for block in plan.blocks:
            if self.refuses(block):
                self._take_apart(plan, block)

    def _take_apart(self, plan, block):
        halves = block.halves()
        if halves is None:
            plan.lacks(block.entries[0])
            return
        refused = [half for half in halves if self.refuses(half)]
        if not refused:
            plan.cut_before(halves[1])
        for half in refused:
            self._take_apart(plan, half)


@given(
    st.lists(st.integers(0, 300), min_size=1, max_size=30, unique=True),
    st.sets(st.integers(0, 300), max_size=20),
    st.integers(2, 125),
)
def test_a_plan_learns_to_read_all_that_there_is(addresses, holes, longest):
    registers = [register(f"S{address}", address, type="int16") for address in addresses]
    device = Device(holes, longest)
    plan = ReadPlan(registers, ReadLimits(widest_gap=125))
    for _ in range(len(registers) + 1):
        device.teach(plan)
    assert not any(device.refuses(block) for block in plan.blocks)
    read = {entry.address for block in plan.blocks for entry in block.entries}
    assert read == set(addresses) - holes
    assert {entry.address for entry in plan.missing} == set(addresses) & holes


def test_a_register_that_is_there_after_all_is_read_with_its_neighbours_again():
    registers = floats(3)
    plan = ReadPlan(registers, ReadLimits())
    plan.lacks(registers[1])
    assert (spans(plan.blocks), plan.missing) == ([(0, 2), (4, 2)], (registers[1],))
    plan.has(registers[1])
    assert (spans(plan.blocks), plan.missing) == ([(0, 6)], ())


def test_a_cut_parts_two_registers_and_no_others():
    plan = ReadPlan(floats(4), ReadLimits())
    plan.cut_before(Block.of(floats(1, first=2)))
    assert spans(plan.blocks) == [(0, 2), (2, 6)]


def test_gaps_are_read_along_up_to_the_limit():
    registers = [register("A", 0), register("B", 12)]
    assert spans(plan_reads(registers, ReadLimits(widest_gap=10))) == [(0, 14)]
    assert spans(plan_reads(registers, ReadLimits(widest_gap=9))) == [(0, 2), (12, 2)]


def test_sixteen_bits_are_a_register_of_a_gap():
    coils = [register("A", 0, kind="coil"), register("B", 33, kind="coil")]
    assert spans(plan_reads(coils, ReadLimits(widest_gap=2))) == [(0, 34)]
    assert spans(plan_reads(coils, ReadLimits(widest_gap=1))) == [(0, 1), (33, 1)]


@pytest.mark.parametrize(
    ("changes", "count", "size", "name"),
    [
        ({"type": "int16"}, 3, 6, "holding registers 5 to 7"),
        ({"kind": "coil"}, 3, 1, "coils 5 to 7"),
        ({"kind": "coil"}, 9, 2, "coils 5 to 13"),
    ],
)
def test_a_block_knows_the_size_of_its_answer(changes, count, size, name):
    block = Block.of([register(f"S{k}", 5 + k, **changes) for k in range(count)])
    assert (block.count, block.size, str(block)) == (count, size, name)
