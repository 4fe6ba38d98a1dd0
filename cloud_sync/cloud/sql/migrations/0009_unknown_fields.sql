-- What newer boxes say beyond what this centre knows, as it came: msgpack of a map from field to value. One row a record,
-- unique by what it is about, as the records' own rows are; `record` is 'batch' for what belongs to none, such as records
-- of a kind that isn't known. `names` says at a glance what an upgrade of the centre would bring.
CREATE TABLE unknown_fields (
    machine       text        NOT NULL,
    record        text        NOT NULL,
    key           text        NOT NULL,
    schema_minor  bigint      NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT now(),
    names         text[]      NOT NULL,
    fields        bytea       NOT NULL,
    PRIMARY KEY (machine, record, key)
);
CREATE INDEX unknown_fields_by_time ON unknown_fields (machine, received_at DESC);

-- Which minor number of the wire's schema the box was at; 0 from boxes that didn't say.
ALTER TABLE receipts ADD COLUMN schema_minor bigint NOT NULL DEFAULT 0;
