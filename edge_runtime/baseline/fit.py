"""Learn a machine's baseline from healthy windows, a batch at a time; on a box and in training."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import numpy as np

from edge_runtime.baseline.document import (
    BaselineSource,
    MachineBaseline,
    RegimeBaseline,
    sensor_profiles,
    sensors_sha256,
)
from edge_runtime.baseline.moments import Moments
from edge_runtime.baseline.operation import OperatingAxes, Regime
from edge_runtime.baseline.profile import WindowProfile
from edge_runtime.errors import BaselineError
from edge_runtime.machine import Machine
from edge_runtime.utc import utc_datetime


def fit_baseline(
    machine: Machine, profiles: Sequence[WindowProfile], *, created: datetime, source: BaselineSource
) -> MachineBaseline:
    """The baseline of one batch of healthy windows: of each regime, the median and the spread of each sensor.

    Args:
        machine: whose windows they are.
        profiles: of the windows, of one length, in any order.
        created: now, with its zone.
        source: why they count as healthy.

    Raises:
        BaselineError: there is none, they are of different lengths, or of none can be told what the machine was doing.
    """
    if not profiles:
        raise BaselineError("there is no window to learn from", hint="Name a longer period with --from and --to.")
    lengths_us = sorted({item.length_us for item in profiles})
    if len(lengths_us) > 1:
        raise BaselineError(
            f"the windows are of different lengths: {', '.join(f'{length_us / 1e6:g} s' for length_us in lengths_us)}",
            hint="Name a period with --from and --to in which all are of the length that the model takes now.",
        )
    axes = OperatingAxes.of(machine)
    members: dict[Regime, list[int]] = {}
    for number, item in enumerate(profiles):
        for regime in axes.regimes(axes.point(item.means)):
            members.setdefault(regime, []).append(number)
    if not members:
        silent = ", ".join(axis.name for axis in axes.load)
        raise BaselineError(
            f"of none of the {len(profiles)} windows can be told what the machine was doing: {silent} is silent",
            hint="See what is wrong with it: hydrosight readings.",
        )
    values = np.stack([item.values for item in profiles])
    return MachineBaseline(
        machine=machine.name,
        sensors_sha256=sensors_sha256(machine),
        window_s=lengths_us[0] / 1e6,
        created=created,
        source=source,
        first=utc_datetime(min(item.start_us for item in profiles)),
        last=utc_datetime(max(item.end_us for item in profiles)),
        windows=len(profiles),
        regimes=tuple(
            RegimeBaseline(
                regime=regime,
                windows=len(members[regime]),
                sensors=sensor_profiles(machine, Moments.of(values[members[regime]])),
            )
            for regime in _ordered(members)
        ),
    )


def merge_baselines(machine: Machine, earlier: MachineBaseline, later: MachineBaseline) -> MachineBaseline:
    """Of the windows of both together; when and why it was made is the later one's.

    Raises:
        BaselineError: they aren't of the same machine, sensors and window length.
    """
    for item in (earlier, later):
        item.check_fits(machine, later.window_s)
    regimes = []
    for regime in _ordered({**earlier.by_regime, **later.by_regime}):
        parts = [item.by_regime[regime] for item in (earlier, later) if regime in item.by_regime]
        moments = parts[0].moments(machine)
        for part in parts[1:]:
            moments = moments.merged(part.moments(machine))
        regimes.append(
            RegimeBaseline(
                regime=regime,
                windows=sum(part.windows for part in parts),
                sensors=sensor_profiles(machine, moments),
            )
        )
    return later.model_copy(
        update={
            "first": min(earlier.first, later.first),
            "last": max(earlier.last, later.last),
            "windows": earlier.windows + later.windows,
            "regimes": tuple(regimes),
        }
    )


def _ordered(regimes: Iterable[Regime]) -> list[Regime]:
    """By load, each parent ahead of its children."""
    return sorted(regimes, key=lambda regime: (regime.load, regime.oil is not None, regime.oil or 0))
