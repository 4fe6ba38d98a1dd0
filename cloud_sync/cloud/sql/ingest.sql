-- name: insert_receipt
-- First in the transaction. Another server with the same batch waits here for this one's commit, and then gets no row.
INSERT INTO receipts (agent, boot, number, windows, diagnoses, alerts, gaps, clock_steps, backlog, trace_id,
                      schema_minor)
VALUES (%(agent)s, %(boot)s, %(number)s, %(windows)s, %(diagnoses)s, %(alerts)s, %(gaps)s, %(clock_steps)s, %(backlog)s,
        %(trace_id)s, %(schema_minor)s)
ON CONFLICT DO NOTHING RETURNING number;

-- name: note_seen
UPDATE agents SET last_seen_at = now(), clock_state = %(state)s,
    clock_offset_s = %(box_us)s::int8 / 1e6 - extract(epoch FROM now())
WHERE id = %(agent)s;

-- name: insert_windows
-- Many rows at once: `samples` are those of all rows, one after the other, and a row's are `length` up to number
-- `last`, which PostgreSQL cuts out without copying the whole. In the order of the key, so that two transactions with
-- the same rows take their locks in the same order.
INSERT INTO windows (machine, start_time, sensor, end_time, step_us, samples)
SELECT %(machine)s::text, start_time, (%(names)s::text[])[sensor] AS name, end_time, step_us,
       (%(samples)s::real[])[last - length + 1:last]
FROM unnest(%(start_times)s::timestamptz[], %(sensors)s::bigint[], %(end_times)s::timestamptz[],
            %(steps_us)s::bigint[], %(lengths)s::bigint[], %(lasts)s::bigint[])
    AS incoming (start_time, sensor, end_time, step_us, length, last)
ORDER BY start_time, name
ON CONFLICT DO NOTHING;

-- name: insert_window_readings
-- As a whole or not at all: of a window cut twice, the first is the one that is kept.
INSERT INTO window_readings (machine, start_time, channels, boots, numbers)
VALUES (%s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: insert_diagnosis
INSERT INTO diagnoses (machine, start_time, end_time, overall_health, completeness,
                       model_name, model_version, model_sha256, document)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: insert_component_diagnosis
INSERT INTO component_diagnoses (machine, start_time, component, health, level, severity, ne107, confidence, abstained)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: insert_alert
INSERT INTO alerts (machine, id, state, time, component, kind, severity, message, document, misdated)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: insert_gap
-- A box that learns what time it is sends its gaps again with their right times.
INSERT INTO gaps (machine, boot, number, start_time, end_time, cause, source, sensors, lost, detail)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
ON CONFLICT (machine, boot, number) DO UPDATE SET start_time = excluded.start_time, end_time = excluded.end_time;

-- name: insert_clock_step
INSERT INTO clock_steps (machine, boot, number, counter, wall_time, time_before, time_after, state_before, state_after)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: insert_unknown_fields
INSERT INTO unknown_fields (machine, record, key, schema_minor, names, fields)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;
