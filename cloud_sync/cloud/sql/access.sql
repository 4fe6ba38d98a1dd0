-- name: lock_machine
-- So that two enrolments of a machine take turns.
SELECT FROM machines WHERE name = %(machine)s FOR UPDATE;

-- name: insert_token
-- Times are the database's, the one clock that all servers share.
INSERT INTO enrolment_tokens (id, machine, secret_sha256, expires_at)
VALUES (%(id)s, %(machine)s, %(secret_sha256)s, now() + %(valid_for)s)
RETURNING expires_at;

-- name: find_token
-- Locked, so that of two boxes with the same token one waits and then finds it used.
SELECT machine, secret_sha256, used_at IS NOT NULL, revoked_at IS NOT NULL, expires_at <= now()
FROM enrolment_tokens WHERE id = %(id)s FOR UPDATE;

-- name: use_token
UPDATE enrolment_tokens SET used_at = now() WHERE id = %(id)s;

-- name: set_machine_file
-- An empty one doesn't erase what an earlier enrolment brought.
UPDATE machines SET machine_file = %(machine_file)s WHERE name = %(machine)s AND %(machine_file)s <> '';

-- name: insert_agent
INSERT INTO agents (id, machine, agent_version) VALUES (%(id)s, %(machine)s, %(agent_version)s);

-- name: revoke_agent
UPDATE agents SET revoked_at = now() WHERE id = %(id)s AND revoked_at IS NULL RETURNING id;

-- name: revoke_agents_of_machine
UPDATE agents SET revoked_at = now() WHERE machine = %(machine)s AND revoked_at IS NULL RETURNING id;

-- name: revoke_tokens_of_machine
UPDATE enrolment_tokens SET revoked_at = now()
WHERE machine = %(machine)s AND used_at IS NULL AND revoked_at IS NULL RETURNING id;
