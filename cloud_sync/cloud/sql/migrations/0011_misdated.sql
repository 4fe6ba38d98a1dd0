-- What boxes with a wrong clock sent: windows and diagnoses whose time can't be right, as they came (msgpack of the wire's
-- record). Apart from all others, whose keys they would take, and kept by when they came. `clock` says how the box's clock
-- was; `boots` and `numbers` are the readings of a window, as in window_readings.
CREATE TABLE misdated_records (
    machine      text             NOT NULL,
    kind         text             NOT NULL CHECK (kind IN ('window', 'diagnosis')),
    sha256       bytea            NOT NULL,
    start_time   timestamptz      NOT NULL,
    end_time     timestamptz      NOT NULL,
    received_at  timestamptz      NOT NULL DEFAULT now(),
    clock        text             NOT NULL CHECK (clock IN ('ahead', 'behind')),
    boots        text[]           NOT NULL,
    numbers      int8multirange[] NOT NULL,
    record       bytea            NOT NULL,
    PRIMARY KEY (machine, kind, sha256)
);
CREATE INDEX misdated_records_by_time ON misdated_records (machine, received_at DESC);

-- Alerts stay together: one with a wrong time has its place by when it came.
ALTER TABLE alerts ADD COLUMN misdated boolean NOT NULL DEFAULT false,
                   ADD COLUMN received_at timestamptz NOT NULL DEFAULT now();

-- How far a box's clock was ahead of the database's with its last batch, and how far the box trusted it.
ALTER TABLE agents ADD COLUMN clock_offset_s double precision, ADD COLUMN clock_state text;
