-- name: insert
INSERT INTO tenants (name) VALUES (%(tenant)s);

-- name: all
-- By name, with how many machines and operators in force each has.
SELECT name, created_at, (SELECT count(*) FROM machines WHERE machines.tenant = tenants.name) AS machines,
       (SELECT count(*) FROM operators WHERE operators.tenant = tenants.name AND revoked_at IS NULL) AS operators
FROM tenants ORDER BY name;

-- name: add_machine
-- A machine that is known stays whose it is.
INSERT INTO machines (name, tenant) VALUES (%(machine)s, %(tenant)s) ON CONFLICT DO NOTHING;

-- name: move_machine
UPDATE machines SET tenant = %(tenant)s WHERE name = %(machine)s;

-- name: machines
-- Those of these names, with their tenants.
SELECT name, tenant FROM machines WHERE name = ANY (%(machines)s);

-- name: of_machine
SELECT tenant FROM machines WHERE name = %(name)s;

-- name: of_agent
SELECT tenant FROM machines WHERE name = (SELECT machine FROM agents WHERE id = %(name)s);

-- name: of_operator
-- The newest of that name, if it is revoked as well.
SELECT tenant FROM operators WHERE name = %(name)s ORDER BY created_at DESC LIMIT 1;
