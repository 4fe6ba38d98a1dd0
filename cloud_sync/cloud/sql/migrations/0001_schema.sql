-- Machines, the boxes on them, who may do what, and what the boxes have sent.
--
-- Secrets are never stored: only SHA-256 of tokens and credentials, each of 256 random bits.
-- Everything a box sends is unique by what it is about, so that a batch sent twice adds nothing.

CREATE TABLE machines (
    name          text PRIMARY KEY,
    machine_file  text        NOT NULL DEFAULT '',
    created_at    timestamptz NOT NULL DEFAULT now()
);

-- A box, from one enrolment to its revocation. A machine has one active box: two would hide each other's windows.
CREATE TABLE agents (
    id             text PRIMARY KEY,
    machine        text        NOT NULL REFERENCES machines,
    secret_sha256  bytea       NOT NULL,
    agent_version  text        NOT NULL,
    enrolled_at    timestamptz NOT NULL DEFAULT now(),
    last_seen_at   timestamptz,
    revoked_at     timestamptz
);
CREATE UNIQUE INDEX agents_one_active_per_machine ON agents (machine) WHERE revoked_at IS NULL;

CREATE TABLE enrolment_tokens (
    id             text PRIMARY KEY,
    machine        text        NOT NULL REFERENCES machines,
    secret_sha256  bytea       NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz NOT NULL,
    used_at        timestamptz,
    revoked_at     timestamptz
);

-- People and programs that may read.
CREATE TABLE operators (
    id             text PRIMARY KEY,
    name           text        NOT NULL,
    secret_sha256  bytea       NOT NULL,
    created_at     timestamptz NOT NULL DEFAULT now(),
    revoked_at     timestamptz
);
CREATE UNIQUE INDEX operators_one_active_per_name ON operators (name) WHERE revoked_at IS NULL;

-- One row a committed batch. Written first in the transaction, so that of two servers with the same batch one waits.
CREATE TABLE receipts (
    agent        text        NOT NULL REFERENCES agents,
    boot         text        NOT NULL,
    number       bigint      NOT NULL,
    received_at  timestamptz NOT NULL DEFAULT now(),
    windows      integer     NOT NULL,
    diagnoses    integer     NOT NULL,
    alerts       integer     NOT NULL,
    PRIMARY KEY (agent, boot, number)
);

-- One row per channel and window. Sample k stands for [start_time + k·step_us, start_time + (k+1)·step_us); NaN is a gap.
CREATE TABLE windows (
    machine     text        NOT NULL,
    start_time  timestamptz NOT NULL,
    sensor      text        NOT NULL,
    end_time    timestamptz NOT NULL,
    step_us     bigint      NOT NULL,
    samples     real[]      NOT NULL,
    PRIMARY KEY (machine, start_time, sensor)
);

CREATE TABLE diagnoses (
    machine         text        NOT NULL,
    start_time      timestamptz NOT NULL,
    end_time        timestamptz NOT NULL,
    overall_health  real,
    completeness    real        NOT NULL,
    model_name      text        NOT NULL,
    model_version   text        NOT NULL,
    model_sha256    text        NOT NULL,
    document        jsonb       NOT NULL,
    PRIMARY KEY (machine, start_time)
);

-- What a dashboard plots: the diagnoses' components as columns. `health`, `level`, `severity` are null where it abstains.
CREATE TABLE component_diagnoses (
    machine     text        NOT NULL,
    start_time  timestamptz NOT NULL,
    component   text        NOT NULL,
    health      real,
    level       text,
    severity    text,
    ne107       text        NOT NULL,
    confidence  real,
    abstained   boolean     NOT NULL,
    PRIMARY KEY (machine, start_time, component)
);

-- Two rows a finished alert: one raised, one cleared, in whatever order they came.
CREATE TABLE alerts (
    machine    text        NOT NULL,
    id         text        NOT NULL,
    state      text        NOT NULL CHECK (state IN ('raised', 'cleared')),
    time       timestamptz NOT NULL,
    component  text        NOT NULL,
    kind       text        NOT NULL,
    severity   text        NOT NULL,
    message    text        NOT NULL,
    document   jsonb       NOT NULL,
    PRIMARY KEY (machine, id, state)
);
CREATE INDEX alerts_by_time ON alerts (machine, time DESC);
