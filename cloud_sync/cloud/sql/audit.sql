-- name: note
-- Whose it is: as it is said, else of whoever the request is from; null is the centre's own.
INSERT INTO audit (who, act, subject, detail, tenant)
VALUES (%(who)s, %(act)s, %(subject)s, %(detail)s,
        coalesce(%(tenant)s::text, nullif(nullif(current_setting('hydrosight.tenant', true), ''), '*')));

-- name: acts
-- The last first; `before` (exclusive) is the id of the last one on the page before.
SELECT id, at, who, act, subject, detail, tenant FROM audit
WHERE %(before)s::int8 IS NULL OR id < %(before)s
ORDER BY id DESC LIMIT %(limit)s;
