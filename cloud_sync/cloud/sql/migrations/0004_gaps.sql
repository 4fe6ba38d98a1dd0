-- What boxes say of the times in which they have no readings, and of their clocks. Times are by the box's clock.
--
-- A box numbers its gaps, and its clock's steps, within its store; with the run that noted it a number is never given
-- out again, also when a store was damaged and begun anew.

-- A gap is sent once it is over. `sensors` is empty where it isn't about single ones.
CREATE TABLE gaps (
    machine     text        NOT NULL,
    boot        text        NOT NULL,
    number      bigint      NOT NULL,
    start_time  timestamptz NOT NULL,
    end_time    timestamptz NOT NULL,
    cause       text        NOT NULL,
    source      text        NOT NULL,
    sensors     text[]      NOT NULL,
    lost        bigint      NOT NULL,
    detail      text        NOT NULL,
    PRIMARY KEY (machine, boot, number)
);
CREATE INDEX gaps_by_time ON gaps (machine, start_time DESC);

-- Starts of the agent (steps by nothing), steps, and changes in how far the clock was trusted. Readings of `boot` from
-- number `counter` on were stamped after it.
CREATE TABLE clock_steps (
    machine       text        NOT NULL,
    boot          text        NOT NULL,
    number        bigint      NOT NULL,
    counter       bigint      NOT NULL,
    wall_time     timestamptz NOT NULL,
    time_before   timestamptz NOT NULL,
    time_after    timestamptz NOT NULL,
    state_before  text        NOT NULL,
    state_after   text        NOT NULL,
    PRIMARY KEY (machine, boot, number)
);
CREATE INDEX clock_steps_by_time ON clock_steps (machine, time_after DESC);

ALTER TABLE receipts ADD COLUMN gaps integer NOT NULL DEFAULT 0, ADD COLUMN clock_steps integer NOT NULL DEFAULT 0;
