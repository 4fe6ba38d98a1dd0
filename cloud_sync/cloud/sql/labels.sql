-- name: insert
INSERT INTO labels (machine, condition, level, start_time, end_time, said_by, note)
VALUES (%(machine)s, %(condition)s, %(level)s, %(start)s, %(end)s, %(said_by)s, %(note)s)
RETURNING id, said_at;

-- name: newest
-- What was said last comes first; `before` (exclusive) is the id of the last one on the page before.
SELECT id, condition, level, start_time AS start, end_time AS "end", said_by, said_at, note FROM labels
WHERE machine = %(machine)s AND (%(before)s::int8 IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s;
