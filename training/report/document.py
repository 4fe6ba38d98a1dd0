"""A report's content, before it is Markdown or HTML."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cell:
    """A table's cell; `best` marks the highest figure of its kind."""

    text: str
    best: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """Figures under one head, or text where `prose`; the first column names the rows."""

    head: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    prose: bool = False


@dataclass(frozen=True, slots=True)
class Figure:
    """A plot.

    Attributes:
        name: of its file, without the ending.
        caption: what it shows, for those who can't see it too.
        svg: the plot.
    """

    name: str
    caption: str
    svg: bytes


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A sentence or several; `warning` sets it apart."""

    text: str
    warning: bool = False


Block = Paragraph | Table | Figure


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands under it."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report."""

    title: str
    sections: tuple[Section, ...]

    @property
    def figures(self) -> tuple[Figure, ...]:
        """All plots, in order."""
        return tuple(block for section in self.sections for block in section.blocks if isinstance(block, Figure))
