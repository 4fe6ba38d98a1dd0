-- name: lock
-- One migrating server at a time; released with the transaction. The number is "hydro" in ASCII.
SELECT pg_advisory_xact_lock(448713224815);

-- name: take_time
-- A large table takes longer to change than a request may; only the wait for one's turn before it has that limit.
SET LOCAL statement_timeout = 0;

-- name: create_ledger
-- Which migrations this database has had.
CREATE TABLE IF NOT EXISTS schema_migrations (
    number      integer PRIMARY KEY,
    name        text        NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);

-- name: ledger_exists
SELECT to_regclass('schema_migrations') IS NOT NULL;

-- name: applied
SELECT number, name FROM schema_migrations ORDER BY number;

-- name: record
INSERT INTO schema_migrations (number, name) VALUES (%s, %s);

-- name: hypertables
-- Names of our tables that are hypertables; asked only where the extension is created.
SELECT hypertable_name FROM timescaledb_information.hypertables
WHERE hypertable_schema = current_schema ORDER BY hypertable_name;

-- name: has_timescaledb
SELECT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
