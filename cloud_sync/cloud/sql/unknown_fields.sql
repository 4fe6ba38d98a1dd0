-- name: unknown_fields
-- What a machine's boxes said beyond what was known here when it came, latest first; some of the same time come together.
SELECT record, key, received_at AS received, schema_minor, names, fields FROM unknown_fields
WHERE machine = %(machine)s AND (%(before)s::timestamptz IS NULL OR received_at < %(before)s)
ORDER BY received_at DESC FETCH FIRST (%(limit)s) ROWS WITH TIES;
