-- name: machines
-- Those that have windows.
SELECT name FROM machines
WHERE EXISTS (SELECT FROM windows WHERE windows.machine = machines.name) ORDER BY name;

-- name: unknown_sensors
-- Of the named sensors those that none of the machines has a window of; each costs a look through the machine's index.
SELECT sensor FROM unnest(%(sensors)s::text[]) AS asked (sensor)
WHERE NOT EXISTS (SELECT FROM windows WHERE windows.machine = ANY(%(machines)s) AND windows.sensor = asked.sensor);

-- name: bounds
-- When the first and the last window of a span begin; an end that is null is open. By the key, without counting.
SELECT (SELECT start_time FROM windows
        WHERE machine = %(machine)s
          AND (%(since)s::timestamptz IS NULL OR start_time >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR start_time < %(until)s)
          AND (%(sensors)s::text[] IS NULL OR sensor = ANY(%(sensors)s))
        ORDER BY start_time LIMIT 1),
       (SELECT start_time FROM windows
        WHERE machine = %(machine)s
          AND (%(since)s::timestamptz IS NULL OR start_time >= %(since)s)
          AND (%(until)s::timestamptz IS NULL OR start_time < %(until)s)
          AND (%(sensors)s::text[] IS NULL OR sensor = ANY(%(sensors)s))
        ORDER BY start_time DESC LIMIT 1);

-- name: count
-- How many windows a machine has in the span.
SELECT count(DISTINCT start_time) FROM windows
WHERE machine = %(machine)s
  AND (%(since)s::timestamptz IS NULL OR start_time >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR start_time < %(until)s)
  AND (%(sensors)s::text[] IS NULL OR sensor = ANY(%(sensors)s));

-- name: signals
-- All channels of those windows, in order of time.
SELECT start_time, sensor, step_us, samples FROM windows
WHERE machine = %(machine)s
  AND (%(since)s::timestamptz IS NULL OR start_time >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR start_time < %(until)s)
  AND (%(sensors)s::text[] IS NULL OR sensor = ANY(%(sensors)s))
ORDER BY start_time, sensor;

-- name: conditions
-- What people have said something of.
SELECT DISTINCT condition FROM labels WHERE machine = %(machine)s ORDER BY condition;

-- name: labels
-- What people said of the conditions of those windows, the last word about each; of windows that lie within its span.
-- From each label to its windows, by their key: most windows have no label.
SELECT start_time, end_time, condition, level FROM (
    SELECT DISTINCT ON (spans.start_time, spans.end_time, labels.condition)
           spans.start_time, spans.end_time, labels.condition, level
    FROM labels
    CROSS JOIN LATERAL (
        SELECT DISTINCT start_time, end_time FROM windows
        WHERE machine = %(machine)s
          AND start_time >= greatest(labels.start_time, %(since)s)
          AND start_time < least(labels.end_time, %(until)s)
          AND end_time <= labels.end_time
          AND (%(sensors)s::text[] IS NULL OR sensor = ANY(%(sensors)s))
    ) AS spans
    WHERE labels.machine = %(machine)s
    ORDER BY spans.start_time, spans.end_time, labels.condition, labels.id DESC
) AS said
WHERE level IS NOT NULL ORDER BY start_time, end_time, condition;
