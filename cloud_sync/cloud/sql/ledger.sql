-- name: snapshot
-- What follows in this transaction is of one moment.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY;

-- name: machine
SELECT name FROM machines WHERE name = %(machine)s;

-- name: boots
-- One row a boot. `received`: numbers in windows that are there whole. `expired`: in windows from before the oldest that
-- is there, which retention has taken. Windows set apart for their time are there as well. `twice`: in more than one window. Of ranges in order of their beginnings, one
-- overlaps an earlier one where it begins before the furthest end so far.
WITH present AS MATERIALIZED (
    SELECT start_time, count(*) AS channels FROM windows WHERE machine = %(machine)s GROUP BY start_time
), judged AS (
    SELECT start_time, boots, numbers, coalesce(present.channels, 0) >= window_readings.channels AS whole,
           start_time < (SELECT min(start_time) FROM present) AS expired
    FROM window_readings LEFT JOIN present USING (start_time) WHERE machine = %(machine)s
    UNION ALL
    SELECT start_time, boots, numbers, true, false FROM misdated_records WHERE machine = %(machine)s
), ranges AS (
    SELECT boot, start_time, whole, expired, held,
           max(upper(held)) OVER (PARTITION BY boot, whole OR expired ORDER BY lower(held), upper(held)
                                  ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS reach
    FROM judged CROSS JOIN LATERAL unnest(boots, numbers) AS part (boot, multirange)
    CROSS JOIN LATERAL unnest(multirange) AS held
)
SELECT boot, count(DISTINCT start_time) FILTER (WHERE whole) AS windows,
       coalesce(range_agg(held) FILTER (WHERE whole), '{}') AS received,
       coalesce(range_agg(held) FILTER (WHERE expired AND NOT whole), '{}') AS expired,
       coalesce(range_agg(int8range(lower(held), least(upper(held), reach)))
                FILTER (WHERE lower(held) < reach AND (whole OR expired)), '{}') AS twice
FROM ranges GROUP BY boot ORDER BY boot;

-- name: doubtful
-- Windows of which rows are missing, with the sensors that are there, and those of which the box hasn't said what readings
-- they hold, with null; of each kind the latest. The sensors are looked up once it is known of which windows.
WITH present AS MATERIALIZED (
    SELECT start_time, count(*) AS channels FROM windows WHERE machine = %(machine)s GROUP BY start_time
), ranked AS (
    SELECT start_time, came.channels IS NULL AS unaccounted,
           row_number() OVER (PARTITION BY came.channels IS NULL ORDER BY start_time DESC) AS place
    FROM (SELECT start_time, channels FROM window_readings WHERE machine = %(machine)s) AS came
    FULL JOIN present USING (start_time)
    WHERE came.channels IS NULL
       OR coalesce(present.channels, 0) < came.channels
          AND start_time >= coalesce((SELECT min(start_time) FROM present), '-infinity')
)
SELECT start_time, CASE WHEN NOT unaccounted THEN ARRAY(
    SELECT sensor FROM windows
    WHERE windows.machine = %(machine)s AND windows.start_time = ranked.start_time ORDER BY sensor) END
FROM ranked WHERE place <= %(limit)s ORDER BY start_time DESC;

-- name: overlapping
-- Windows that hold any of these numbers of a boot, and which of them; the latest first.
SELECT start_time, part.numbers * %(twice)s::int8multirange AS numbers
FROM window_readings CROSS JOIN LATERAL unnest(boots, numbers) AS part (boot, numbers)
WHERE machine = %(machine)s AND part.boot = %(boot)s AND part.numbers && %(twice)s::int8multirange
ORDER BY start_time DESC LIMIT %(limit)s;
