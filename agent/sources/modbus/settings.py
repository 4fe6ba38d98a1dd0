"""Settings of a Modbus source."""

from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agent.sources.modbus.read_cost import widest_gap
from agent.sources.modbus.read_plan import MAX_BITS, MAX_REGISTERS, ReadLimits, plan_reads
from agent.sources.modbus.registers import ClockSettings, Entry, RegisterSettings
from agent.sources.modbus.transport import Transport
from edge_runtime.machine import Name

Seconds = Annotated[float, Field(gt=0, le=3600, allow_inf_nan=False)]
UnitId = Annotated[int, Field(ge=0, le=255)]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ReadGroup(_Frozen):
    """Registers of one device that are read together, at their own period.

    With a clock the readings carry the device's time, and a poll that finds the clock unmoved finds the same sample
    and is left out; poll a little faster than the device samples, so as to miss none.
    """

    period_s: Annotated[Seconds, Field(description="From one poll to the next.")] = 1.0
    unit_id: Annotated[UnitId | None, Field(description="Which device behind the gateway; default: the source's.")] = (
        None
    )
    clock: Annotated[
        ClockSettings | None,
        Field(description="The device's time register; without it readings get their time of arrival."),
    ] = None
    registers: tuple[RegisterSettings, ...] = ()
    profile: Annotated[
        str | None,
        Field(description="In place of clock and registers: a device profile, by name or as the path of its file."),
    ] = None
    points: Annotated[
        dict[str, Name],
        Field(default_factory=dict, description="Which points of the profile are read, and as which sensor."),
    ]

    @model_validator(mode="after")
    def _registers_or_profile(self) -> Self:
        if self.profile is None and (not self.registers or self.points):
            raise ValueError("a group needs registers, or a profile and points")
        if self.profile is not None and (self.registers or self.clock or not self.points):
            raise ValueError("a group with a profile needs points, and no clock or registers of its own")
        return self

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All that is read."""
        return self.registers if self.clock is None else (self.clock, *self.registers)

    @property
    def sensors(self) -> frozenset[str]:
        """Names of the sensors that are read here."""
        return frozenset(register.sensor for register in self.registers) or frozenset(self.points.values())


class ConnectionSettings(_Frozen):
    """A connection to one device, or to a gateway or serial bus with several."""

    name: Annotated[str, Field(min_length=1, description="How messages call it.")]
    transport: Annotated[Transport, Field(description="How it is reached.")]
    timeout_s: Annotated[Seconds, Field(description="For a connection and for an answer.")] = 1.0
    request_delay_s: Annotated[
        float, Field(ge=0, le=60, description="Rest between an answer and the next request, for devices that need it.")
    ] = 0.0


class ModbusSettings(ConnectionSettings):
    """A connection and what is read over it."""

    name: Annotated[Name, Field(description="How messages call it.")]
    unit_id: Annotated[UnitId, Field(description="Which device on the bus; most that speak TCP ignore it.")] = 1
    longest_retry_s: Annotated[Seconds, Field(description="Attempts to reconnect are at most this far apart.")] = 30.0
    max_registers: Annotated[int, Field(ge=4, le=MAX_REGISTERS, description="In one read.")] = MAX_REGISTERS
    max_bits: Annotated[int, Field(ge=1, le=MAX_BITS, description="In one read.")] = MAX_BITS
    widest_gap: Annotated[
        int | None,
        Field(
            ge=0,
            le=MAX_REGISTERS,
            description="Registers that are read along between two wanted ones; default: as many as take less time "
            "than another request. 0 for devices whose registers change by being read.",
        ),
    ] = None
    groups: Annotated[tuple[ReadGroup, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        names = [
            sensor
            for group in self.groups
            for sensor in (*(register.sensor for register in group.registers), *group.points.values())
        ]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise ValueError(f"sensor used twice: {', '.join(repeated)}")
        for group in self.groups:
            if group.clock is not None and len(plan_reads(group.entries, self.limits_of(group))) > 1:
                raise ValueError(
                    "with a clock a group is read in one request, so that time and values belong together: keep clock "
                    f"and registers in one table and within {self.max_registers} registers, or make another group for "
                    "the others"
                )
        return self

    @property
    def longest_pause_s(self) -> dict[str, float]:
        """How far apart two readings of a sensor may be, by its name."""
        return {
            register.sensor: max(group.period_s, register.at_least_every_s if register.dead_band else 0.0)
            for group in self.groups
            for register in group.registers
        }

    @property
    def sensors(self) -> frozenset[str]:
        """Names of the sensors that are read here."""
        return frozenset().union(*(group.sensors for group in self.groups))

    def unit_of(self, group: ReadGroup) -> int:
        """The unit id of a group."""
        return self.unit_id if group.unit_id is None else group.unit_id

    def limits_of(self, group: ReadGroup) -> ReadLimits:
        """How large the reads of a group may be. With a clock no gap is too wide."""
        gap = widest_gap(self.transport, self.max_registers) if self.widest_gap is None else self.widest_gap
        return ReadLimits(self.max_registers, self.max_bits, gap if group.clock is None else self.max_registers)
