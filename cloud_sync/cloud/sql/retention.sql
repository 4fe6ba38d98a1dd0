-- name: drop_chunks
-- Times are those of the data, by the boxes' clocks; but receipts, unknown fields and what has a time that
-- can't be right go by the centre's.
-- Whole chunks; rows of the chunk that the limit lies in stay until all of it is older.
SELECT drop_chunks(%(table)s::regclass, older_than => now() - %(age)s);

-- name: delete_windows
-- Some at a time, so that no transaction is long and no lock stays. The oldest first: what lies before the oldest window
-- counts as given up, and not as lost.
DELETE FROM windows WHERE ctid IN (
    SELECT ctid FROM windows WHERE start_time < now() - %(age)s ORDER BY start_time LIMIT %(some)s);

-- name: delete_diagnoses
DELETE FROM diagnoses WHERE ctid IN (
    SELECT ctid FROM diagnoses WHERE start_time < now() - %(age)s ORDER BY start_time LIMIT %(some)s);

-- name: delete_component_diagnoses
DELETE FROM component_diagnoses WHERE ctid IN (
    SELECT ctid FROM component_diagnoses WHERE start_time < now() - %(age)s ORDER BY start_time LIMIT %(some)s);

-- name: delete_alerts
-- Both rows of one that has been over for so long, by when it came where its time is wrong. Roll-outs are judged by those
-- about models, which stay.
DELETE FROM alerts WHERE ctid IN (
    SELECT ctid FROM alerts AS old
    WHERE CASE WHEN misdated THEN received_at ELSE time END < now() - %(age)s AND NOT standing
      AND kind <> 'model-update'
      AND NOT EXISTS (SELECT FROM alerts AS other
                      WHERE other.machine = old.machine AND other.id = old.id
                        AND CASE WHEN misdated THEN received_at ELSE time END >= now() - %(age)s)
    LIMIT %(some)s);

-- name: delete_receipts
-- The keys of the rows keep a batch that is sent again from adding anything.
DELETE FROM receipts WHERE ctid IN (SELECT ctid FROM receipts WHERE received_at < now() - %(age)s LIMIT %(some)s);

-- name: delete_unknown_fields
DELETE FROM unknown_fields WHERE ctid IN (
    SELECT ctid FROM unknown_fields WHERE received_at < now() - %(age)s LIMIT %(some)s);

-- name: delete_misdated_records
DELETE FROM misdated_records WHERE ctid IN (
    SELECT ctid FROM misdated_records WHERE received_at < now() - %(age)s LIMIT %(some)s);

-- name: try_turn
-- One server at a time; the number is "prune" in ASCII.
SELECT pg_try_advisory_xact_lock(482956635749);
