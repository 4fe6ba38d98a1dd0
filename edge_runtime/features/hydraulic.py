"""Feature set `hydraulic-4`: four ratios of a machine as a whole, dimensionless, from window means.

    pressure_ratio      lowest over highest absolute pressure, 0–1
    temperature_spread  highest less lowest temperature, over 40 K
    flow_per_pressure   mean flow over mean pressure, both as shares of the nameplate: rises as resistance falls
    cavitation_index    (p1 − p2)/(p1 − pv), the largest over all components with both pressures measured, 0–1:
                        1/(1 + σ) with the cavitation number σ = (p2 − pv)/(p1 − p2), the pressure ratio of
                        IEC 60534-8-4; mineral oil's vapour pressure pv is taken as 0 bar absolute

A ratio whose signals are missing is masked; so is flow per pressure below 1 % of the nameplate pressure.
"""

import numpy as np
import numpy.typing as npt

from edge_runtime.features.spec import FeatureSpec

HYDRAULIC = FeatureSpec(
    "hydraulic-4", 1, ("pressure_ratio", "temperature_spread", "flow_per_pressure", "cavitation_index")
)

ATMOSPHERE_BAR = 1.01325
TEMPERATURE_SPAN_K = 40.0
# Of a machine that stands still flow per pressure is noise over noise.
MIN_PRESSURE_SHARE = 0.01

Float64Array = npt.NDArray[np.float64]
Float32Array = npt.NDArray[np.float32]


def hydraulic_features(
    pressures_bar: Float64Array,
    temperatures_c: Float64Array,
    flow_share: Float64Array,
    pressure_share: Float64Array,
    pressure_pairs_bar: Float64Array,
) -> tuple[Float32Array, Float32Array]:
    """`hydraulic-4` of one machine.

    Args:
        pressures_bar: [P] window means of all pressures, gauge; NaN where missing, here and below.
        temperatures_c: [T] window means of all temperatures.
        flow_share: [F] window means of all flows over their nameplate flow.
        pressure_share: [P] those of all pressures over their nameplate pressure.
        pressure_pairs_bar: [C, 2] inlet and outlet pressure of the components that have both, gauge.

    Returns:
        Features and mask, float32 [4] each. A feature is 0 where its mask is 0.
    """
    pressures = _present(pressures_bar) + ATMOSPHERE_BAR
    temperatures = _present(temperatures_c)
    features = np.full(len(HYDRAULIC), np.nan)
    if len(pressures) > 1 and pressures.max() > 0:
        features[0] = max(pressures.min(), 0.0) / pressures.max()
    if len(temperatures) > 1:
        features[1] = np.ptp(temperatures) / TEMPERATURE_SPAN_K
    flows, shares = _present(flow_share), _present(pressure_share)
    if len(flows) and len(shares) and shares.mean() >= MIN_PRESSURE_SHARE:
        features[2] = flows.mean() / shares.mean()
    pairs = pressure_pairs_bar[np.isfinite(pressure_pairs_bar).all(axis=1)] + ATMOSPHERE_BAR
    pairs = pairs[pairs[:, 0] > 0]
    if len(pairs):
        features[3] = np.clip((pairs[:, 0] - pairs[:, 1]) / pairs[:, 0], 0.0, 1.0).max()
    mask = np.abs(features) <= np.finfo(np.float32).max
    return np.where(mask, features, 0.0).astype(np.float32), mask.astype(np.float32)


def _present(values: Float64Array) -> Float64Array:
    return values[np.isfinite(values)]
