-- Tenants: who a machine belongs to. What each may see is in isolation.sql; this is what it goes by.

-- '*' stands for all of them where a tenant is named, so none may be called that.
CREATE TABLE tenants (
    name        text PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$'),
    created_at  timestamptz NOT NULL DEFAULT now()
);
INSERT INTO tenants (name) VALUES ('default');

-- All that a box has sent, and its credentials, follow its machine.
ALTER TABLE machines ADD COLUMN tenant text NOT NULL DEFAULT 'default' REFERENCES tenants;
CREATE INDEX machines_by_tenant ON machines (tenant);

-- A null tenant: an operator of the centre itself, over all tenants. Machines, where named, narrow what a token shows.
ALTER TABLE operators
    ADD COLUMN tenant text DEFAULT 'default' REFERENCES tenants,
    ADD COLUMN machines text[];

-- A null tenant: an act about the centre itself.
ALTER TABLE audit ADD COLUMN tenant text REFERENCES tenants;
UPDATE audit SET tenant = 'default';
