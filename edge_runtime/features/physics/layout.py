"""What a machine file says of its residuals: which signals lie where, what is rated, what can be computed."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from edge_runtime.features.physics.operation import RATED_FIELDS, BoolArray, Float64Array
from edge_runtime.features.physics.pipes import NO_SIGNAL, Pipes
from edge_runtime.features.physics.registry import PHYSICS, residuals_of
from edge_runtime.features.physics.residual import Item, Known, Need, Residual
from edge_runtime.machine import MACHINES_KEPT, Component, Machine, Nameplate
from edge_runtime.nameplate import USUAL_NAMEPLATE
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port

Int64Array = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Task:
    """Residuals that can be computed at the same nodes, and their places in `physics-1`."""

    nodes: Int64Array
    residuals: tuple[tuple[int, Residual], ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A machine as its residuals see it; signals are sensor numbers, `NO_SIGNAL` where there is none.

    Attributes:
        signals: [N, 13], at a port or at the other end of the pipe there.
        beyond: [N], flow into the next component.
        oil: [N], the nearest thermometer.
        from_tank, to_tank, nameplates, ratings, line_volume_l: as in `Operation`, for all N nodes.
        tasks: what can be computed.
    """

    signals: Int64Array
    beyond: Int64Array
    oil: Int64Array
    from_tank: BoolArray
    to_tank: BoolArray
    nameplates: Float64Array
    ratings: Float64Array
    line_volume_l: Float64Array
    tasks: tuple[Task, ...]


@lru_cache(maxsize=MACHINES_KEPT)
def layout_of(machine: Machine) -> Layout:
    """The layout of a machine; kept, since it is the same for every window."""
    pipes, components = Pipes.of(machine), machine.components
    names = [component.name for component in components]
    at = [pipes.signals(name) for name in names]
    own = [component.nameplate for component in components]
    return Layout(
        signals=np.array([[found.get(port, NO_SIGNAL) for port in CANONICAL_CHANNELS] for found in at], np.int64),
        beyond=np.array([pipes.flow_beyond(name) for name in names], np.int64),
        oil=np.array([pipes.nearest_thermometer(name) for name in names], np.int64),
        from_tank=np.array([pipes.from_tank(name) for name in names], np.bool_),
        to_tank=np.array([pipes.to_tank(name) for name in names], np.bool_),
        nameplates=np.array([_fields(plate) for plate in own], np.float64),
        ratings=np.array([_fields(plate, machine.nameplate, USUAL_NAMEPLATE) for plate in own], np.float64),
        line_volume_l=np.array([pipes.line_volume_l(name) for name in names], np.float64),
        tasks=tuple(_tasks(machine, pipes)),
    )


def unmet_needs(pipes: Pipes, component: Component, residual: Residual) -> tuple[Need, ...]:
    """What a residual needs that neither the sensors nor the nameplate of a component give."""
    known, signals = pipes.known(component), pipes.signals(component.name)

    def fast_enough(item: Item, rate_hz: float) -> bool:
        if item is Known.FLOW_BEYOND:
            number = pipes.flow_beyond(component.name)
        elif isinstance(item, Port):
            number = signals[item]
        else:
            return True
        return pipes.machine.sensors[number].rate_hz >= rate_hz

    def met(one: Need) -> bool:
        return any(
            known.issuperset(items) and all(fast_enough(item, one.least_rate_hz) for item in items)
            for items in one.alternatives
        )

    return tuple(one for one in residual.needs if not met(one))


def _tasks(machine: Machine, pipes: Pipes) -> Iterator[Task]:
    nodes: dict[Residual, list[int]] = defaultdict(list)
    for node, component in enumerate(machine.components):
        for residual in residuals_of(component.type):
            if not (residual.through and component.bypassed) and not unmet_needs(pipes, component, residual):
                nodes[residual].append(node)
    together: dict[tuple[int, ...], list[Residual]] = defaultdict(list)
    for residual, where in nodes.items():
        together[tuple(where)].append(residual)
    for at, residuals in together.items():
        yield Task(np.array(at, np.int64), tuple((PHYSICS.names.index(one.name), one) for one in residuals))


def _fields(*plates: Nameplate) -> list[float]:
    """Each field from the first nameplate that has it; NaN where none has."""
    values = [[getattr(plate, field) for plate in plates] for field in RATED_FIELDS]
    return [next((float(value) for value in row if value is not None), np.nan) for row in values]
