-- name: window_at
-- All channels of the window that begins last at or before a moment, or of the newest when it is null; and the version
-- of the machine's own baseline in its box's diagnosis: 0 without one, null where there is no diagnosis.
SELECT windows.start_time, windows.end_time, sensor, step_us, samples, said.baseline
FROM windows
LEFT JOIN LATERAL (
    SELECT coalesce((document->'baseline'->>'version')::integer, 0) AS baseline FROM diagnoses
    WHERE diagnoses.machine = windows.machine AND diagnoses.start_time = windows.start_time
) AS said ON true
WHERE windows.machine = %(machine)s AND windows.start_time = (
    SELECT start_time FROM windows
    WHERE machine = %(machine)s AND (%(time)s::timestamptz IS NULL OR start_time <= %(time)s)
    ORDER BY start_time DESC LIMIT 1);

-- name: window_page
-- The first `rows` channels of windows in a span of time, in its order, with the same.
SELECT page.start_time, page.end_time, page.sensor, page.step_us, page.samples, said.baseline
FROM (
    SELECT machine, start_time, end_time, sensor, step_us, samples FROM windows
    WHERE machine = %(machine)s AND start_time >= %(since)s AND start_time < %(until)s
    ORDER BY start_time LIMIT %(rows)s
) AS page
LEFT JOIN LATERAL (
    SELECT coalesce((document->'baseline'->>'version')::integer, 0) AS baseline FROM diagnoses
    WHERE diagnoses.machine = page.machine AND diagnoses.start_time = page.start_time
) AS said ON true
ORDER BY page.start_time;
