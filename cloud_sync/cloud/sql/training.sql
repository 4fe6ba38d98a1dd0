-- name: window_machines
SELECT DISTINCT machine FROM windows ORDER BY machine;

-- name: window_count
-- How many windows a machine has in a span of time; an end that is null is open.
SELECT count(DISTINCT start_time) FROM windows
WHERE machine = %(machine)s
  AND (%(since)s::timestamptz IS NULL OR start_time >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR start_time < %(until)s);

-- name: window_signals
-- All channels of those windows, in order of time.
SELECT start_time, sensor, step_us, samples FROM windows
WHERE machine = %(machine)s
  AND (%(since)s::timestamptz IS NULL OR start_time >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR start_time < %(until)s)
ORDER BY start_time, sensor;
