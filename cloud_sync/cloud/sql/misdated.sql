-- name: clock
-- What time it is, and by the box's time the spans that end with a step forward: until then it was behind, since it was
-- last set. Steps of the last quarter: what was stamped before one of them isn't on its way any longer than that.
SELECT (extract(epoch FROM now()) * 1000000)::int8 AS now_us,
       (extract(epoch FROM since) * 1000000)::int8 AS first_us, (extract(epoch FROM time_before) * 1000000)::int8 AS last_us
FROM (SELECT) AS once LEFT JOIN LATERAL (
    SELECT time_before, (
        SELECT prior.time_after FROM clock_steps AS prior
        WHERE prior.machine = step.machine AND prior.number < step.number
        ORDER BY prior.boot = step.boot DESC, prior.number DESC LIMIT 1) AS since
    FROM clock_steps AS step
    WHERE machine = %(machine)s AND time_after - time_before > %(tolerance)s
      AND time_after BETWEEN now() - INTERVAL '90 days' AND now() + %(tolerance)s
) AS corrected ON since < time_before;

-- name: insert
-- By content: another record with the same times is another one, for clocks that begin at the same moment every time.
INSERT INTO misdated_records (machine, kind, sha256, start_time, end_time, clock, boots, numbers, record)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: misdated
-- Latest first by when they came; those that came together come together.
SELECT kind, start_time AS start, end_time AS "end", received_at AS received, clock FROM misdated_records
WHERE machine = %(machine)s AND (%(before)s::timestamptz IS NULL OR received_at < %(before)s)
ORDER BY received_at DESC FETCH FIRST (%(limit)s) ROWS WITH TIES;
