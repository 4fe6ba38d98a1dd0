-- name: gaps
-- Latest first. More than `limit` where several began at once: `before` (exclusive) leaves none of them out.
SELECT boot, number, start_time AS start, end_time AS "end", cause, source, sensors, lost, detail FROM gaps
WHERE machine = %(machine)s AND (%(before)s::timestamptz IS NULL OR start_time < %(before)s)
ORDER BY start_time DESC FETCH FIRST (%(limit)s) ROWS WITH TIES;

-- name: clock_steps
-- The same, by the time that they led to.
SELECT boot, number, counter, wall_time AS wall, time_before AS before, time_after AS after, state_before, state_after
FROM clock_steps
WHERE machine = %(machine)s AND (%(before)s::timestamptz IS NULL OR time_after < %(before)s)
ORDER BY time_after DESC FETCH FIRST (%(limit)s) ROWS WITH TIES;
