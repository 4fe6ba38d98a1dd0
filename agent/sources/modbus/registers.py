"""Where a device keeps a value, and how its registers hold it. No I/O."""

from enum import StrEnum
from typing import Annotated, Self

import numpy as np
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from edge_runtime.machine import Name
from edge_runtime.unit_conversion import CONVERSIONS, KnownUnit


class RegisterKind(StrEnum):
    """Which table of the device."""

    COIL = "coil"
    DISCRETE = "discrete"
    HOLDING = "holding"
    INPUT = "input"

    @property
    def function_code(self) -> int:
        """The function that reads it (Modbus Application Protocol 1.1b3, 6.1 to 6.4)."""
        return {RegisterKind.COIL: 1, RegisterKind.DISCRETE: 2, RegisterKind.HOLDING: 3, RegisterKind.INPUT: 4}[self]

    @property
    def holds_bits(self) -> bool:
        """Whether each address is one bit; otherwise it is 16."""
        return self in {RegisterKind.COIL, RegisterKind.DISCRETE}


class NumberType(StrEnum):
    """How registers hold a number."""

    INT16 = "int16"
    UINT16 = "uint16"
    INT32 = "int32"
    UINT32 = "uint32"
    INT64 = "int64"
    UINT64 = "uint64"
    FLOAT32 = "float32"
    FLOAT64 = "float64"

    @property
    def width(self) -> int:
        """Number of registers."""
        return np.dtype(self.value).itemsize // 2

    @property
    def is_integer(self) -> bool:
        """Whether it is a whole number."""
        return np.dtype(self.value).kind in "iu"

    @property
    def is_unsigned(self) -> bool:
        """Whether it is a whole number that can't be negative."""
        return np.dtype(self.value).kind == "u"


class ByteOrder(StrEnum):
    """Order in which the bytes of a number arrive, A the most significant; for four registers ABCDEFGH and so on."""

    ABCD = "ABCD"
    """As the standard says: high register first, high byte first."""
    CDAB = "CDAB"
    """Low register first."""
    BADC = "BADC"
    """The bytes of each register swapped."""
    DCBA = "DCBA"
    """Low register first, bytes swapped."""

    def significance(self, width: int) -> list[int]:
        """Places of the bytes of a number of `width` registers as they arrive, the most significant byte's first."""
        registers = range(width) if self in {ByteOrder.ABCD, ByteOrder.BADC} else range(width - 1, -1, -1)
        bytes_of = (0, 1) if self in {ByteOrder.ABCD, ByteOrder.CDAB} else (1, 0)
        return [2 * register + byte for register in registers for byte in bytes_of]


def _bit_range(given: object) -> object:
    """3 → (3, 3); "4-7" → (4, 7)."""
    if isinstance(given, int):
        return given, given
    if isinstance(given, str):
        low, _, high = given.partition("-")
        return low.strip(), (high or low).strip()
    return given


BitPosition = Annotated[int, Field(ge=0, le=63)]
BitRange = Annotated[tuple[BitPosition, BitPosition], BeforeValidator(_bit_range)]
Address = Annotated[
    int, Field(ge=0, le=65535, description="As in the request: 0 is the register that manuals call 40001 or 30001.")
]
Finite = Annotated[float, Field(allow_inf_nan=False)]
OrderField = Annotated[ByteOrder, Field(description="How the bytes of a number arrive, A the most significant.")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class ClockSettings(_Frozen):
    """Where the device keeps the time of the sample: int64 microseconds since 1970 UTC; 0 before the first sample."""

    kind: RegisterKind = RegisterKind.HOLDING
    address: Address
    byte_order: OrderField = ByteOrder.ABCD

    @model_validator(mode="after")
    def _in_registers(self) -> Self:
        if self.kind.holds_bits:
            raise ValueError(f"a clock is in holding or input registers, not in {self.kind}s")
        return self

    @property
    def width(self) -> int:
        """Number of registers."""
        return NumberType.INT64.width

    def __str__(self) -> str:
        return f"clock at {self.kind} register {self.address}"


class RegisterLayout(_Frozen):
    """Where and how a device keeps one value: number · scale + offset, in `unit`, converted to the canonical unit."""

    kind: RegisterKind = RegisterKind.HOLDING
    address: Address
    type: Annotated[
        NumberType, Field(description="How registers hold the number; a coil or discrete input is 0 or 1.")
    ] = NumberType.FLOAT32
    byte_order: OrderField = ByteOrder.ABCD
    bits: Annotated[
        BitRange | None, Field(description="Only these bits of an unsigned number, 0 the lowest: 3, or 4-7.")
    ] = None
    scale: Finite = 1.0
    offset: Finite = 0.0
    unit: Annotated[
        KnownUnit | None, Field(description="The device's unit after scale and offset; default: the canonical one.")
    ] = None
    raw_min: Annotated[Finite | None, Field(description="Smaller numbers mean that the device has no value.")] = None
    raw_max: Annotated[Finite | None, Field(description="Larger numbers mean that the device has no value.")] = None
    no_value: Annotated[
        tuple[int | float, ...],
        Field(description="Numbers that mean that the device has no value, such as 0x8000, before scale."),
    ] = ()
    dead_band: Annotated[
        float, Field(ge=0, allow_inf_nan=False, description="Smaller changes, in the canonical unit, aren't delivered.")
    ] = 0.0
    at_least_every_s: Annotated[
        float, Field(gt=0, le=86400, description="With a dead band: deliver this often even without a change.")
    ] = 10.0

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.kind.holds_bits:
            given = sorted(self.model_fields_set & {"type", "byte_order", "bits", "no_value"})
            if given:
                raise ValueError(f"a {self.kind} is one bit: leave out {', '.join(given)}")
        if self.bits is not None:
            self._check_bits(*self.bits)
        if self.raw_min is not None and self.raw_max is not None and self.raw_min > self.raw_max:
            raise ValueError(f"raw_min {self.raw_min:g} is above raw_max {self.raw_max:g}")
        if self.address + self.width > 65536:
            raise ValueError(f"address {self.address} leaves no room for {self.width} registers")
        for number in self.no_value:
            self._check_no_value(number)
        return self

    def _check_bits(self, low: int, high: int) -> None:
        if not self.type.is_unsigned:
            raise ValueError(f"bits of a {self.type}: write type: uint16, uint32 or uint64")
        if low > high or high >= 16 * self.type.width:
            raise ValueError(f"bits {low}-{high}: give them as low-high, 0 to {16 * self.type.width - 1}")

    def _check_no_value(self, number: float) -> None:
        if self.kind.holds_bits or not self.type.is_integer:
            return
        limits = np.iinfo(self.type.value)
        if number != int(number) or not limits.min <= number <= (1 << limits.bits) - 1:
            raise ValueError(f"no_value {number:g} is never in a {self.type}")

    @property
    def width(self) -> int:
        """Number of registers or bits."""
        return 1 if self.kind.holds_bits else self.type.width

    @property
    def markers(self) -> tuple[float, ...]:
        """`no_value` as the numbers that the type gives: 0x8000 in an int16 is -32768."""
        if self.kind.holds_bits or not self.type.is_integer:
            return self.no_value
        limits = np.iinfo(self.type.value)
        return tuple(number - (1 << limits.bits) if number > limits.max else number for number in self.no_value)

    @property
    def factor(self) -> float:
        """The canonical value is number · factor + shift."""
        return self.scale * (CONVERSIONS[self.unit].factor if self.unit else 1.0)

    @property
    def shift(self) -> float:
        """See `factor`."""
        if self.unit is None:
            return self.offset
        conversion = CONVERSIONS[self.unit]
        return self.offset * conversion.factor + conversion.offset


class RegisterSettings(RegisterLayout):
    """Where the device keeps one sensor's value."""

    sensor: Annotated[Name, Field(description="Name in the machine file.")]

    def __str__(self) -> str:
        what = self.kind if self.kind.holds_bits else f"{self.kind} register"
        return f"{self.sensor} at {what} {self.address}"


Entry = RegisterSettings | ClockSettings
