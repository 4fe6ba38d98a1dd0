"""Connections: the edges of the graph."""

from typing import Annotated

from pydantic import Field

from edge_runtime.machine.part import MachinePart, Name, Positive
from edge_runtime.vocabulary import LineType, Material


class Connection(MachinePart):
    """A pipe or hose in the direction of flow: one edge of the graph."""

    source: Name
    target: Name
    type: LineType = LineType.HYDRAULIC_LINE
    diameter_mm: Positive
    length_m: Positive
    material: Material = Material.STEEL
    pressure_rating_bar: Positive
    loss_coefficient: Annotated[float, Field(ge=0)] = 0.0
