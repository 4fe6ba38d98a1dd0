"""The box's own time: carried on by a clock that nobody can set, and set by the wall clock as far as it is trusted.

Between two looks at the wall clock time goes on by the monotonic clock alone. A look tells the wall clock's state (see
edge_runtime.clock). A suspect one is left aside: time goes on as before. Any other is followed, in one step, which is
recorded. So times that a box stamps begin at a moment that is certainly past, never fall behind what it has stamped
before unless a better clock says so, and all that one clock has stamped is wrong by one and the same amount.
"""

from dataclasses import dataclass

from edge_runtime.clock import ClockState, assess

STEP_US = 100_000
"""A smaller difference is followed without a word: reading two clocks one after the other takes time as well."""
_TRUST = (ClockState.SUSPECT, ClockState.BOUNDED, ClockState.SYNCED)


@dataclass(frozen=True, slots=True)
class ClockLook:
    """Both clocks at one moment, microseconds.

    Attributes:
        wall_us: since 1970, UTC; anybody may set it.
        monotonic_us: since the machine was switched on, asleep or awake.
        synchronised: whether the system's time service says that the wall clock follows a reference.
    """

    wall_us: int
    monotonic_us: int
    synchronised: bool


@dataclass(frozen=True, slots=True)
class Timeline:
    """What time it is, as long as no step is taken: monotonic time + `offset_us`."""

    offset_us: int
    state: ClockState

    def time_us(self, monotonic_us: int) -> int:
        """The time at a moment of the monotonic clock, microseconds since 1970, UTC."""
        return monotonic_us + self.offset_us


@dataclass(frozen=True, slots=True)
class ClockStep:
    """The box's time was set, or what is known of it has changed.

    Attributes:
        monotonic_us: when, by the monotonic clock.
        wall_us: what the wall clock said.
        before_us: what time it was until then.
        after_us: what time it is from then on.
        state_before: how far the one could be trusted.
        state_after: how far the other can.
    """

    monotonic_us: int
    wall_us: int
    before_us: int
    after_us: int
    state_before: ClockState
    state_after: ClockState

    @property
    def shift_us(self) -> int:
        """By how much time has moved."""
        return self.after_us - self.before_us

    @property
    def trusted_more(self) -> bool:
        """Whether the new time is known better: then what was stamped before is wrong by the shift."""
        return _TRUST.index(self.state_after) > _TRUST.index(self.state_before)

    @property
    def corrects(self) -> bool:
        """Whether what was stamped before is to be stamped anew."""
        return self.trusted_more and (abs(self.shift_us) >= STEP_US or self.state_before is ClockState.SUSPECT)


def begin(look: ClockLook, floor_us: int) -> Timeline:
    """Time at a start, when nothing is known of an earlier one: the wall clock's, or the floor if that is later."""
    assessment = assess(look.wall_us, floor_us, synchronised=look.synchronised)
    return Timeline(assessment.time_us - look.monotonic_us, assessment.state)


def go_on(timeline: Timeline, look: ClockLook, floor_us: int) -> tuple[Timeline, ClockStep | None]:
    """Time after a look at the clocks, and the step that this took, if any."""
    state = assess(look.wall_us, floor_us, synchronised=look.synchronised).state
    before_us = timeline.time_us(look.monotonic_us)
    after_us = before_us if state is ClockState.SUSPECT else look.wall_us
    changed = Timeline(after_us - look.monotonic_us, state)
    if state is timeline.state and abs(after_us - before_us) < STEP_US:
        return changed, None
    return changed, ClockStep(look.monotonic_us, look.wall_us, before_us, after_us, timeline.state, state)
