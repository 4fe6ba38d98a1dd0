-- name: window_page
-- The first `rows` channels of windows in a span of time, in its order.
SELECT start_time, end_time, sensor, step_us, samples FROM windows
WHERE machine = %(machine)s AND start_time >= %(since)s AND start_time < %(until)s
ORDER BY start_time LIMIT %(rows)s;

-- name: box_baselines
-- Which version of the machine's own baseline its box compared each window of a span with, 0 for none, both ends
-- included. Apart from the windows, which have a row for each channel: a document is looked into once.
SELECT start_time, coalesce((document->'baseline'->>'version')::integer, 0) FROM diagnoses
WHERE machine = %(machine)s AND start_time BETWEEN %(first)s AND %(last)s;
