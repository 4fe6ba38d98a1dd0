-- name: insert
INSERT INTO operators (id, name, secret_sha256, role, expires_at, tenant, machines)
VALUES (%(id)s, %(name)s, %(secret_sha256)s, %(role)s, now() + %(valid_for)s::interval, %(tenant)s, %(machines)s)
RETURNING expires_at;

-- name: find
-- Whoever belongs to the only tenant that there is belongs to the whole centre: the tenant is null.
SELECT name, secret_sha256, role, revoked_at IS NOT NULL, coalesce(expires_at <= now(), false),
       CASE WHEN EXISTS (SELECT FROM tenants WHERE tenants.name <> operators.tenant) THEN tenant END, machines
FROM operators WHERE id = %(id)s;

-- name: revoke
UPDATE operators SET revoked_at = now() WHERE name = %(name)s AND revoked_at IS NULL RETURNING id;

-- name: all
SELECT name, role, tenant, coalesce(machines, '{}') AS machines, created_at, expires_at,
       coalesce(expires_at <= now(), false) AS expired
FROM operators WHERE revoked_at IS NULL ORDER BY name;
