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

-- name: window_labels
-- What people said of the conditions of those windows, the last word about each; of windows that lie within its span.
SELECT start_time, end_time, condition, level FROM (
    SELECT DISTINCT ON (spans.start_time, labels.condition) spans.start_time, spans.end_time, labels.condition, level
    FROM (SELECT DISTINCT start_time, end_time FROM windows
          WHERE machine = %(machine)s
            AND (%(since)s::timestamptz IS NULL OR start_time >= %(since)s)
            AND (%(until)s::timestamptz IS NULL OR start_time < %(until)s)) AS spans
    JOIN labels ON labels.machine = %(machine)s
        AND labels.start_time <= spans.start_time AND labels.end_time >= spans.end_time
    ORDER BY spans.start_time, labels.condition, labels.id DESC
) AS said
WHERE level IS NOT NULL ORDER BY start_time, condition;
