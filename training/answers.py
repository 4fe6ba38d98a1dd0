"""What contenders said of windows that they had not seen, as levels."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np

from edge_runtime.graph import Int64Array
from training.kept_arrays import Arrays
from training.metrics import BoolArray, Float64Array

_TEST = "test"
_SEPARATOR = "\t"


class Asked(NamedTuple):
    """Who was asked what.

    Attributes:
        condition: that the answer is about.
        contender: who answered.
        missing: so many sensors of each window were silent, beside those that were silent in training too.
    """

    condition: str
    contender: str
    missing: int = 0


@dataclass(frozen=True, slots=True)
class Answer:
    """What a contender said of one condition in n windows, m levels each.

    Attributes:
        level: int64 [n], the likeliest level; −1 = abstained.
        probabilities: float64 [n, m], calibrated; None from a contender that gives none.
        sets: bool [n, m], the conformal sets; None likewise.
    """

    level: Int64Array
    probabilities: Float64Array | None = None
    sets: BoolArray | None = None


@dataclass(frozen=True, slots=True)
class Answers:
    """All answers to one fold's test.

    Attributes:
        test: int64 [n], numbers of the windows tested.
        said: the answers, of n windows each.
    """

    test: Int64Array
    said: Mapping[Asked, Answer]

    def arrays(self) -> Arrays:
        """The levels said, to be kept."""
        levels = {_SEPARATOR.join(map(str, asked)): answer.level for asked, answer in self.said.items()}
        return {_TEST: self.test, **levels}

    @classmethod
    def of(cls, arrays: Arrays) -> Self:
        """From what `arrays` gave."""
        said = {}
        for key, level in arrays.items():
            if key != _TEST:
                condition, contender, missing = key.split(_SEPARATOR)
                said[Asked(condition, contender, int(missing))] = Answer(np.asarray(level, np.int64))
        return cls(np.asarray(arrays[_TEST], np.int64), said)
