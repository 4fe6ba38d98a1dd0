-- name: insert_receipt
-- First in the transaction. Another server with the same batch waits here for this one's commit, and then gets no row.
INSERT INTO receipts (agent, boot, number, windows, diagnoses, alerts)
VALUES (%(agent)s, %(boot)s, %(number)s, %(windows)s, %(diagnoses)s, %(alerts)s)
ON CONFLICT DO NOTHING RETURNING number;

-- name: note_seen
UPDATE agents SET last_seen_at = now() WHERE id = %(agent)s;

-- name: insert_window
INSERT INTO windows (machine, start_time, sensor, end_time, step_us, samples)
VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: insert_diagnosis
INSERT INTO diagnoses (machine, start_time, end_time, overall_health, completeness,
                       model_name, model_version, model_sha256, document)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: insert_component_diagnosis
INSERT INTO component_diagnoses (machine, start_time, component, health, level, severity, ne107, confidence, abstained)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;

-- name: insert_alert
INSERT INTO alerts (machine, id, state, time, component, kind, severity, message, document)
VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING;
