import numpy as np
import pytest


@pytest.fixture(autouse=True)
def _as_they_are_computed():
    """What divides by zero isn't finite, and so isn't known: numpy needn't say so."""
    with np.errstate(all="ignore"):
        yield
