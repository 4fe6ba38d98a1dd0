-- name: extent
-- The windows of a sensor that reach into a span: start of the first and of the last, and what the last one holds. The
-- first may begin before the span; it is the last one that does, if that reaches into it. None begins before `since`.
WITH ends AS (
    SELECT coalesce(
               (SELECT start_time FROM (
                    SELECT start_time, end_time FROM windows
                    WHERE machine = %(machine)s AND sensor = %(sensor)s
                      AND start_time >= %(since)s AND start_time <= %(start)s
                    ORDER BY start_time DESC LIMIT 1) AS before
                WHERE end_time > %(start)s),
               (SELECT start_time FROM windows
                WHERE machine = %(machine)s AND sensor = %(sensor)s
                  AND start_time >= %(start)s AND start_time < %(end)s
                ORDER BY start_time LIMIT 1)) AS first,
           (SELECT start_time FROM windows
            WHERE machine = %(machine)s AND sensor = %(sensor)s
              AND start_time >= %(since)s AND start_time < %(end)s
            ORDER BY start_time DESC LIMIT 1) AS last
)
SELECT ends.first, ends.last, (extract(epoch FROM end_time - start_time) * 1000000)::int8, cardinality(samples)
FROM ends
JOIN windows ON machine = %(machine)s AND sensor = %(sensor)s AND start_time = ends.last
     AND start_time >= %(since)s AND start_time < %(end)s  -- spares the planner all other chunks
WHERE ends.first <= ends.last;

-- name: count
-- How many windows there are from `first` on and before `end`; counted up to `enough`.
SELECT count(*) FROM (
    SELECT FROM windows
    WHERE machine = %(machine)s AND sensor = %(sensor)s AND start_time >= %(first)s AND start_time < %(end)s
    LIMIT %(enough)s) AS counted;

-- name: windows
-- From `first` on and before `end`, in order of time.
SELECT start_time, step_us, samples FROM windows
WHERE machine = %(machine)s AND sensor = %(sensor)s AND start_time >= %(first)s AND start_time < %(end)s
ORDER BY start_time;
