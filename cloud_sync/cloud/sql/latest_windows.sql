-- name: near
-- A day before a moment, or before now where it is null: where the latest windows of a machine that works are.
SELECT coalesce(%(before)s::timestamptz, now()) - INTERVAL '1 day';

-- name: starts
-- When the latest windows of a machine begin. With `since` a plan is made for the chunks after it alone: with all of a
-- year's, making it takes fifty times longer.
SELECT DISTINCT start_time FROM windows
WHERE machine = %(machine)s
  AND (%(since)s::timestamptz IS NULL OR start_time >= %(since)s)
  AND (%(before)s::timestamptz IS NULL OR start_time < %(before)s)
ORDER BY start_time DESC LIMIT %(limit)s;

-- name: channels
-- Those that begin from `first` to `last`, the latest first.
SELECT start_time, end_time, sensor, step_us, samples FROM windows
WHERE machine = %(machine)s AND start_time BETWEEN %(first)s AND %(last)s
  AND (%(sensor)s::text IS NULL OR sensor = %(sensor)s)
ORDER BY start_time DESC, sensor;
