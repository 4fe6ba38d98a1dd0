-- What each operator may: a viewer reads, an operator says what was found too, an admin sees who did what.
-- Tokens made before this could read everything and, with the last version, label: they are operators' and don't expire.
ALTER TABLE operators
    ADD COLUMN role text NOT NULL DEFAULT 'operator' CHECK (role IN ('viewer', 'operator', 'admin')),
    ADD COLUMN expires_at timestamptz;

-- Every act that gives or takes access, or deletes: who did what to whom. Rows are only ever added.
CREATE TABLE audit (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at       timestamptz NOT NULL DEFAULT now(),
    who      text        NOT NULL,
    act      text        NOT NULL,
    subject  text        NOT NULL,
    detail   text        NOT NULL DEFAULT ''
);
