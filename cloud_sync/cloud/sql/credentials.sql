-- name: find
-- `lifetime` null: credentials without an end need no successor.
SELECT agents.id AS agent, agents.machine, secret_sha256, revoked_at IS NOT NULL AS revoked,
       coalesce(expires_at <= now(), false) AS expired,
       coalesce(replaced_at + %(grace)s <= now(), false) AS over, replaced_at IS NOT NULL AS replaced,
       used_at IS NULL AS unused,
       coalesce(now() >= issued_at + 2.0 / 3.0 * coalesce(expires_at - issued_at, %(lifetime)s), false) AS due
FROM credentials JOIN agents ON agents.id = credentials.agent WHERE credentials.id = %(id)s;

-- name: use
UPDATE credentials SET used_at = now() WHERE id = %(id)s AND used_at IS NULL;

-- name: replace_others
UPDATE credentials SET replaced_at = now() WHERE agent = %(agent)s AND id <> %(id)s AND replaced_at IS NULL;

-- name: insert
INSERT INTO credentials (id, agent, secret_sha256, expires_at)
VALUES (%(id)s, %(agent)s, %(secret_sha256)s, now() + %(lifetime)s)
RETURNING (extract(epoch FROM expires_at) * 1000000)::int8;

-- name: forget
-- What can't be needed any more: long replaced, or a successor that got lost on its way to the box.
DELETE FROM credentials WHERE agent = %(agent)s AND id <> %(id)s
AND (replaced_at < now() - INTERVAL '1 day' OR (used_at IS NULL AND issued_at < now() - INTERVAL '1 hour'));
