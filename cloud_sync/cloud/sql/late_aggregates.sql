-- name: try_turn
-- One server at a time, for as long as its connection lives; the number is "late" in ASCII.
SELECT pg_try_advisory_lock(1818326117);

-- name: old_chunks
-- Each continuous aggregate with each chunk of its rows that its policy (aggregates.sql: 30 days) doesn't reach. Times
-- whose chunks were dropped aren't among them: there the aggregate is all that is left.
SELECT format('%I.%I', aggregates.view_schema, aggregates.view_name), chunks.range_start, chunks.range_end
FROM timescaledb_information.continuous_aggregates AS aggregates
JOIN timescaledb_information.chunks USING (hypertable_schema, hypertable_name)
WHERE aggregates.view_schema = current_schema AND chunks.range_start < now() - INTERVAL '30 days'
ORDER BY chunks.range_start DESC, 1;

-- name: unlimited
-- A week of a large fleet takes longer than a request's statement may.
SET statement_timeout = 0;

-- name: refresh
-- Only what has changed since the last time is computed.
CALL refresh_continuous_aggregate(%(aggregate)s::regclass, %(start)s::timestamptz, %(end)s::timestamptz);
