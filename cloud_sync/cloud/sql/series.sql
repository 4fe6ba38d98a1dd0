-- name: extent
-- The windows of a sensor that reach into a span: start of the first and of the last, and what the last one holds. The
-- first may begin before the span; it is the last one that does, if that reaches into it.
WITH ends AS (
    SELECT coalesce(
               (SELECT start_time FROM (
                    SELECT start_time, end_time FROM windows
                    WHERE machine = %(machine)s AND sensor = %(sensor)s AND start_time <= %(start)s
                    ORDER BY start_time DESC LIMIT 1) AS before
                WHERE end_time > %(start)s),
               (SELECT start_time FROM windows
                WHERE machine = %(machine)s AND sensor = %(sensor)s
                  AND start_time >= %(start)s AND start_time < %(end)s
                ORDER BY start_time LIMIT 1)) AS first,
           (SELECT start_time FROM windows
            WHERE machine = %(machine)s AND sensor = %(sensor)s AND start_time < %(end)s
            ORDER BY start_time DESC LIMIT 1) AS last
)
SELECT ends.first, ends.last, (extract(epoch FROM end_time - start_time) * 1000000)::int8, cardinality(samples)
FROM ends
JOIN windows ON machine = %(machine)s AND sensor = %(sensor)s AND start_time = ends.last
WHERE ends.first <= ends.last;

-- name: windows
-- From `first` on and before `end`, in order of time.
SELECT start_time, step_us, samples FROM windows
WHERE machine = %(machine)s AND sensor = %(sensor)s AND start_time >= %(first)s AND start_time < %(end)s
ORDER BY start_time;
