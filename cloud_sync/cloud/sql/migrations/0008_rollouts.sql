-- Roll-outs of signed models: who is offered which version, in which waves. Who did what to one is in the audit.
--
-- Machines are not listed: a hash of their name says in which wave, and on which side of a split, each one comes.
CREATE TABLE rollouts (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model           text        NOT NULL,
    version         text        NOT NULL,
    against         text,
    split           smallint    NOT NULL,
    canaries        text[]      NOT NULL,
    waves           smallint[]  NOT NULL,
    soak_hours      float8      NOT NULL,
    max_failed      smallint    NOT NULL,
    min_running     smallint    NOT NULL,
    silent_hours    float8      NOT NULL,
    state           text        NOT NULL DEFAULT 'planned'
                    CHECK (state IN ('planned', 'active', 'paused', 'done', 'rolled_back')),
    wave            smallint    NOT NULL DEFAULT 0,
    reason          text        NOT NULL DEFAULT '',
    created_at      timestamptz NOT NULL DEFAULT now(),
    created_by      text        NOT NULL,
    wave_opened_at  timestamptz,
    judged_since    timestamptz
);
CREATE UNIQUE INDEX rollouts_one_open_per_model ON rollouts (model) WHERE state IN ('planned', 'active', 'paused');

-- What each box was answered last when it asked for its model: `version` empty is nothing, or whatever is newest.
CREATE TABLE model_offers (
    machine     text        NOT NULL REFERENCES machines,
    model       text        NOT NULL,
    rollout     bigint      REFERENCES rollouts,
    version     text        NOT NULL,
    offered_at  timestamptz NOT NULL DEFAULT now(),
    asked_at    timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (machine, model)
);
CREATE INDEX model_offers_by_rollout ON model_offers (rollout);
