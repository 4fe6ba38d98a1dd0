-- name: note
INSERT INTO audit (who, act, subject, detail) VALUES (%(who)s, %(act)s, %(subject)s, %(detail)s);

-- name: acts
-- The last first; `before` (exclusive) is the id of the last one on the page before.
SELECT id, at, who, act, subject, detail FROM audit
WHERE %(before)s::int8 IS NULL OR id < %(before)s
ORDER BY id DESC LIMIT %(limit)s;
