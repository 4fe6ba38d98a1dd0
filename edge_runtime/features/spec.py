"""Names and versions of feature sets: a model says which it was trained on, a box refuses another."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FeatureSpec:
    """An ordered set of features. A change of order, number or formula is a new version.

    Attributes:
        name: of the set.
        version: counts up from 1.
        names: of its features, in order.
    """

    name: str
    version: int
    names: tuple[str, ...]

    @property
    def id(self) -> str:
        """Name and version, such as "classic-34/1"."""
        return f"{self.name}/{self.version}"

    def __len__(self) -> int:
        return len(self.names)
