-- What people found out about machines: a condition's true level over a span of time. Training learns from these.
--
-- Nothing is changed or deleted: of several about the same time and condition the one said last counts, and one whose
-- level is null takes back what was said before.
CREATE TABLE labels (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    machine     text        NOT NULL REFERENCES machines,
    condition   text        NOT NULL,
    level       text,
    start_time  timestamptz NOT NULL,
    end_time    timestamptz NOT NULL CHECK (end_time > start_time),
    said_by     text        NOT NULL,
    said_at     timestamptz NOT NULL DEFAULT now(),
    note        text        NOT NULL DEFAULT ''
);
CREATE INDEX labels_by_time ON labels (machine, start_time DESC);
