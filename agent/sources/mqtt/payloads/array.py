"""A JSON document with many values of one or several sensors at a fixed step, for channels of 100 Hz and faster."""

import math
from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import Field

from agent.sources.mqtt.payloads.json_document import as_number, decode_json
from agent.sources.mqtt.payloads.samples import PayloadSettings, Publish, Read, Samples
from agent.sources.mqtt.payloads.times import TimeUnit, time_us
from edge_runtime.errors import SourceError

_SHORTEST_STEP_US, _LONGEST_STEP_US = 1e-3, 86_400e6


class ArrayPayload(PayloadSettings):
    """`{"time": …, "rate_hz": 100, "values": [1.5, 1.6]}`, or `"values": {"PS1": […], "PS2": […]}`.

    `time` is that of the first value; `step_us` may be given in place of `rate_hz`. Without a time the last value is
    taken to have been measured on arrival.
    """

    format: Literal["array"]
    time_unit: Annotated[TimeUnit, Field(description="iso, or s, ms, us or ns since 1970.")] = TimeUnit.ISO
    rate_hz: Annotated[
        float | None, Field(gt=0, le=1e6, description="Where messages say neither rate_hz nor step_us.")
    ] = None

    @property
    def names_sensors(self) -> bool:
        """A message may carry several sensors."""
        return True

    def reader(self, publish: Publish) -> Read:  # noqa: ARG002
        """Reads such documents."""
        return self._read

    def _read(self, _topic: str, payload: bytes, now_us: int) -> Sequence[Samples]:
        document = decode_json(payload)
        values = document.get("values") if isinstance(document, dict) else None
        channels = values if isinstance(values, dict) else {"": values}
        if not isinstance(document, dict) or not all(isinstance(item, list) for item in channels.values()):
            raise SourceError('no JSON object with "values": […]')
        step_us = self._step_us(document)
        start = document.get("time")
        start_us = None if start is None else time_us(start, self.time_unit)
        return [
            Samples(_numbers(items), _times_us(len(items), step_us, start_us, now_us), str(name))
            for name, items in channels.items()
            if items
        ]

    def _step_us(self, document: dict[str, object]) -> float:
        step, rate = document.get("step_us"), document.get("rate_hz", self.rate_hz)
        if step is None and rate is None:
            raise SourceError(
                'it has neither "rate_hz" nor "step_us"',
                hint="Publish one of them, or set payload.rate_hz.",
            )
        what = "rate_hz" if step is None else "step_us"
        number = as_number(rate if step is None else step, what)
        if not _SHORTEST_STEP_US <= number <= _LONGEST_STEP_US:
            raise SourceError(f"{what} is {number:g}, out of range")
        return 1e6 / number if step is None else number


def _numbers(items: list[object]) -> Sequence[float]:
    if {type(item) for item in items} == {float} and all(map(math.isfinite, items)):  # type: ignore[arg-type]
        return items  # type: ignore[return-value]
    return [as_number(item, f"values[{position}]") for position, item in enumerate(items)]


def _times_us(count: int, step_us: float, start_us: int | None, now_us: int) -> Sequence[int]:
    first_us = now_us - round((count - 1) * step_us) if start_us is None else start_us
    if step_us.is_integer():
        return range(first_us, first_us + count * int(step_us), int(step_us))
    return [first_us + round(position * step_us) for position in range(count)]
