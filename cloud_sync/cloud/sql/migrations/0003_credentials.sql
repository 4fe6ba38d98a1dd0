-- Credentials of boxes, apart from the boxes, so that a box can have the next one before it gives up the last.
--
-- A box asks for a successor; the former is accepted until the successor was used, and for some minutes after that. So
-- a successor that is lost on the way costs nothing. `replaced_at` is when another one was first used.
CREATE TABLE credentials (
    id             text PRIMARY KEY,
    agent          text        NOT NULL REFERENCES agents,
    secret_sha256  bytea       NOT NULL,
    issued_at      timestamptz NOT NULL DEFAULT now(),
    expires_at     timestamptz,
    used_at        timestamptz,
    replaced_at    timestamptz
);
CREATE INDEX credentials_by_agent ON credentials (agent);
INSERT INTO credentials (id, agent, secret_sha256, issued_at, used_at)
SELECT id, id, secret_sha256, enrolled_at, enrolled_at FROM agents;
ALTER TABLE agents DROP COLUMN secret_sha256;

-- Whether a batch held what an outage had left behind.
ALTER TABLE receipts ADD COLUMN backlog boolean NOT NULL DEFAULT false;
