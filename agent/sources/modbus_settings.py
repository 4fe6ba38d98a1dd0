"""Settings of a Modbus TCP device."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.sources.register_map import LONGEST_READ, WIDEST_GAP, Block, ClockSettings, RegisterSettings, plan_reads
from edge_runtime.machine import Name

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReadGroup(_Frozen):
    """Registers that are read together, at their own period.

    With a clock the readings carry the device's time, and a poll that finds the clock unmoved finds the same sample
    and is left out; poll a little faster than the device samples, so as to miss none.
    """

    period_s: Annotated[Seconds, Field(description="From one poll to the next.")] = 1.0
    clock: Annotated[
        ClockSettings | None,
        Field(description="The device's time register; without it readings get their time of arrival."),
    ] = None
    registers: Annotated[tuple[RegisterSettings, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _one_instant(self) -> Self:
        if self.clock is not None and len(self.reads) > 1:
            raise ValueError(
                "with a clock a group is read in one request, so that time and values belong together: keep clock and "
                f"registers in one table and within {LONGEST_READ} registers, or make another group for the others"
            )
        return self

    @property
    def reads(self) -> tuple[Block, ...]:
        """The requests that fetch the group."""
        if self.clock is None:
            return plan_reads(self.registers, widest_gap=WIDEST_GAP)
        return plan_reads([self.clock, *self.registers], widest_gap=LONGEST_READ)


class ModbusSettings(_Frozen):
    """A device that answers Modbus TCP. All groups share one connection."""

    name: Annotated[Name, Field(description="How messages call it.")]
    host: Annotated[str, Field(min_length=1)]
    port: Annotated[int, Field(ge=1, le=65535)] = 502
    unit: Annotated[int, Field(ge=0, le=255, description="Unit id behind a gateway; most devices ignore it.")] = 1
    timeout_s: Annotated[Seconds, Field(description="For a connection and for an answer.")] = 1.0
    longest_retry_s: Annotated[Seconds, Field(description="Attempts to reconnect are at most this far apart.")] = 30.0
    groups: Annotated[tuple[ReadGroup, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _sensors_once(self) -> Self:
        names = [register.sensor for group in self.groups for register in group.registers]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"sensor used twice: {', '.join(repeated)}")
        return self

    @property
    def sensors(self) -> frozenset[str]:
        """Names of the sensors that are read here."""
        return frozenset(register.sensor for group in self.groups for register in group.registers)
