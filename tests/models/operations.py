"""Components under test: signals and nameplate of one component as its residuals get them."""

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from edge_runtime.features.physics.operation import RATED_FIELDS, Operation
from edge_runtime.fluid import Fluid
from edge_runtime.vocabulary import CANONICAL_CHANNELS, Port

SAMPLES = 60
RATED = {"pressure_bar": 250.0, "flow_l_min": 30.0, "power_w": 10_000.0, "stroke_mm": 500.0, "response_ms": 50.0}


def operation(
    signals: Mapping[Port, npt.ArrayLike],
    nameplate: Mapping[str, float] | None = None,
    *,
    oil_c: float = 40.0,
    beyond: npt.ArrayLike = np.nan,
    line_volume_l: float = np.nan,
    from_tank: bool = False,
    to_tank: bool = False,
    step_s: float = 1.0,
) -> Operation:
    """One component; a signal is a number or a series, all series of one length."""
    samples = max(np.size(values) for values in signals.values())
    samples = SAMPLES if samples == 1 else samples
    channels = np.full((1, len(CANONICAL_CHANNELS), samples), np.nan)
    for port, values in signals.items():
        channels[0, CANONICAL_CHANNELS.index(port)] = values
    own = {field: (nameplate or {}).get(field, np.nan) for field in RATED_FIELDS}
    ratings = {field: RATED.get(field, np.nan) if np.isnan(value) else value for field, value in own.items()}
    return Operation(
        channels=channels,
        beyond=np.full((1, samples), beyond),
        oil_c=np.full((1, samples), oil_c),
        from_tank=np.array([from_tank]),
        to_tank=np.array([to_tank]),
        nameplates=np.array([list(own.values())]),
        ratings=np.array([list(ratings.values())]),
        line_volume_l=np.array([line_volume_l]),
        fluid=Fluid(),
        step_s=step_s,
    )
