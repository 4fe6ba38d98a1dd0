-- What a request may see and write, kept by PostgreSQL itself; ADR 70 has the reasons. Run after every migration, and
-- harmless again: a database that was restored on another server, which has no such roles yet, mends itself.
--
-- The pool's connections come in as hydrosight_entry, which can check secrets and nothing else. Once it is known who
-- asks, the transaction goes on as hydrosight_box, limited to the machine in the setting hydrosight.machine, or as
-- hydrosight_operator, limited to the tenant in hydrosight.tenant ('*' is all of them) and, unless it is empty, to the
-- machines in hydrosight.machines (commas between). Without the setting they see nothing. hydrosight_dashboard reads
-- all tenants. Migrations, commands and retention work as the owner, who isn't limited.
--
-- Every table with a column `machine` gets row-level security and its policies by itself. TimescaleDB has none for
-- tables with a columnstore or continuous aggregates; of those, and of views, roles see views of the same names in
-- schemas of their own, which come first in their search path, and have no rights on the tables.
--
-- A new table needs its line under "Rights": without one no request can read or write it.

DO $$
DECLARE
    role text;
BEGIN
    FOREACH role IN ARRAY ARRAY[
        'hydrosight_entry', 'hydrosight_box', 'hydrosight_operator', 'hydrosight_dashboard']
    LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION WHEN duplicate_object OR unique_violation THEN
                NULL;  -- roles belong to the server, and another of its databases was first
            END;
        END IF;
        BEGIN
            EXECUTE format('SET LOCAL ROLE %I', role);
        EXCEPTION WHEN insufficient_privilege THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role);
        END;
        SET LOCAL ROLE NONE;
    END LOOP;
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO hydrosight_entry, hydrosight_box, hydrosight_operator, '
                   'hydrosight_dashboard', current_schema);
END
$$;
CREATE SCHEMA IF NOT EXISTS hydrosight_box;
CREATE SCHEMA IF NOT EXISTS hydrosight_operator;
GRANT USAGE ON SCHEMA hydrosight_box TO hydrosight_box;
GRANT USAGE ON SCHEMA hydrosight_operator TO hydrosight_operator;

-- Whether an operator sees a machine of that tenant. The planner puts its body in place of a call.
CREATE OR REPLACE FUNCTION operator_sees(machine text, tenant text) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE
RETURN current_setting('hydrosight.tenant', true) IN (tenant, '*')
    AND (current_setting('hydrosight.machines', true) = ''
         OR machine = ANY (string_to_array(current_setting('hydrosight.machines', true), ',')));

-- A policy for one role: the rows that it sees and, where they differ, those that it may write. One that is there
-- stays, so that a server that starts needs no lock on the table.
CREATE OR REPLACE PROCEDURE pg_temp.limit_rows(relation text, role text, rows text, written text DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    definition text := format('USING (%s) WITH CHECK (%s)', rows, coalesce(written, rows));
    held text := (SELECT obj_description(oid, 'pg_policy') FROM pg_policy
                  WHERE polrelid = relation::regclass AND polname = role);
BEGIN
    IF held IS DISTINCT FROM definition THEN
        EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', relation);
        EXECUTE format('DROP POLICY IF EXISTS %I ON %I', role, relation);
        EXECUTE format('CREATE POLICY %I ON %I TO %I %s', role, relation, role, definition);
        EXECUTE format('COMMENT ON POLICY %I ON %I IS %L', role, relation, definition);
    END IF;
END
$$;

-- A view for one role, in its schema. It is made anew when the table has got other columns.
CREATE OR REPLACE PROCEDURE pg_temp.limit_view(relation text, role text, rows text) LANGUAGE plpgsql AS $$
DECLARE
    columns text := (SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) FROM pg_attribute
                     WHERE attrelid = relation::regclass AND attnum > 0 AND NOT attisdropped);
    definition text := format('SELECT %s FROM %I.%I WHERE %s', columns, current_schema, relation, rows);
    updatable boolean := EXISTS (SELECT FROM pg_class WHERE oid = relation::regclass AND relkind <> 'v');
BEGIN
    IF definition IS DISTINCT FROM obj_description(to_regclass(format('%I.%I', role, relation)), 'pg_class') THEN
        EXECUTE format('DROP VIEW IF EXISTS %I.%I', role, relation);
        EXECUTE format('CREATE VIEW %I.%I AS %s', role, relation, definition)
            || CASE WHEN updatable THEN ' WITH CHECK OPTION' ELSE '' END;
        EXECUTE format('COMMENT ON VIEW %I.%I IS %L', role, relation, definition);
    END IF;
END
$$;

DO $$
DECLARE
    relation record;
    -- The first arm, judged once a query, spares an operator of the whole centre the second. A join, or what the
    -- planner turns into one, would keep it from reading the newest rows alone, in the order of an index.
    seen constant text := '(SELECT current_setting(''hydrosight.tenant'', true) = ''*'' AND '
        'current_setting(''hydrosight.machines'', true) = '''') OR EXISTS (SELECT FROM %2$I.machines AS known '
        'WHERE known.name = %1$I.machine AND %2$I.operator_sees(known.name, known.tenant))';
    own constant text := '%I.machine = current_setting(''hydrosight.machine'', true)';
BEGIN
    FOR relation IN
        SELECT relname AS name, relkind = 'v' OR relname IN (
            'windows', 'window_readings', 'diagnoses', 'component_diagnoses') AS takes_view
        FROM pg_class
        WHERE relnamespace = current_schema::regnamespace AND relkind IN ('r', 'p', 'v') AND EXISTS (
            SELECT FROM pg_attribute WHERE attrelid = pg_class.oid AND attname = 'machine' AND NOT attisdropped)
    LOOP
        IF relation.takes_view THEN
            CALL pg_temp.limit_view(relation.name, 'hydrosight_box', format(own, relation.name));
            CALL pg_temp.limit_view(relation.name, 'hydrosight_operator', format(seen, relation.name, current_schema));
        ELSE
            CALL pg_temp.limit_rows(relation.name, 'hydrosight_box', format(own, relation.name));
            CALL pg_temp.limit_rows(relation.name, 'hydrosight_operator', format(seen, relation.name, current_schema));
            CALL pg_temp.limit_rows(relation.name, 'hydrosight_dashboard', 'true');
        END IF;
    END LOOP;
END
$$;

-- Tables without that column: a machine itself, what hangs on a box, and what belongs to a tenant or to the centre.
CALL pg_temp.limit_rows('machines', 'hydrosight_box', $$name = current_setting('hydrosight.machine', true)$$);
CALL pg_temp.limit_rows('machines', 'hydrosight_operator', 'operator_sees(name, tenant)');
CALL pg_temp.limit_rows('machines', 'hydrosight_dashboard', 'true');
CALL pg_temp.limit_rows('receipts', 'hydrosight_box',
                        'EXISTS (SELECT FROM agents WHERE agents.id = receipts.agent)');
CALL pg_temp.limit_rows('receipts', 'hydrosight_operator',
                        'EXISTS (SELECT FROM agents WHERE agents.id = receipts.agent)');
CALL pg_temp.limit_rows('receipts', 'hydrosight_dashboard', 'true');
CALL pg_temp.limit_rows('credentials', 'hydrosight_box',
                        'EXISTS (SELECT FROM agents WHERE agents.id = credentials.agent)');
CALL pg_temp.limit_rows('credentials', 'hydrosight_operator',
                        'EXISTS (SELECT FROM agents WHERE agents.id = credentials.agent)');
CALL pg_temp.limit_rows('tenants', 'hydrosight_operator',
                        $$current_setting('hydrosight.tenant', true) IN (name, '*')$$);
-- Acts name machines and people, so whoever is limited to some machines adds to the audit and doesn't see it.
CALL pg_temp.limit_rows('audit', 'hydrosight_box', 'false',
                        'EXISTS (SELECT FROM machines WHERE machines.tenant = audit.tenant)');
CALL pg_temp.limit_rows('audit', 'hydrosight_operator',
                        $$current_setting('hydrosight.tenant', true) IN (tenant, '*')
                          AND current_setting('hydrosight.machines', true) = ''$$,
                        $$current_setting('hydrosight.tenant', true) IN (tenant, '*')$$);
CALL pg_temp.limit_rows('rollouts', 'hydrosight_box', 'true', 'false');
CALL pg_temp.limit_rows('rollouts', 'hydrosight_dashboard', 'true');
CALL pg_temp.limit_rows('rollouts', 'hydrosight_operator', 'true',
                        $$current_setting('hydrosight.tenant', true) = '*'$$);
CALL pg_temp.limit_rows('agents', 'hydrosight_entry', 'true');
CALL pg_temp.limit_rows('credentials', 'hydrosight_entry', 'true');
CALL pg_temp.limit_rows('enrolment_tokens', 'hydrosight_entry', 'true');
CALL pg_temp.limit_rows('operators', 'hydrosight_entry', 'true');
CALL pg_temp.limit_rows('tenants', 'hydrosight_entry', 'true');

-- Rights. Whoever isn't known yet has its secret looked up. A token is locked meanwhile, which takes a right to change
-- it.
GRANT SELECT ON agents, credentials, enrolment_tokens, operators, tenants TO hydrosight_entry;
GRANT UPDATE (used_at) ON enrolment_tokens TO hydrosight_entry;

-- A box enrols, renews its credential, hands over batches, asks for its ledger and its model.
GRANT SELECT ON machines, enrolment_tokens, rollouts TO hydrosight_box;
GRANT UPDATE (machine_file) ON machines TO hydrosight_box;
GRANT UPDATE (used_at) ON enrolment_tokens TO hydrosight_box;
GRANT SELECT, INSERT, UPDATE ON agents, gaps, model_offers TO hydrosight_box;
GRANT SELECT, INSERT, UPDATE, DELETE ON credentials TO hydrosight_box;
GRANT SELECT, INSERT ON receipts, alerts, clock_steps, unknown_fields, misdated_records TO hydrosight_box;
GRANT UPDATE (standing) ON alerts TO hydrosight_box;
GRANT INSERT ON audit TO hydrosight_box;
GRANT DELETE ON model_offers TO hydrosight_box;
GRANT SELECT ON ALL TABLES IN SCHEMA hydrosight_box TO hydrosight_box;
GRANT INSERT ON hydrosight_box.windows, hydrosight_box.window_readings, hydrosight_box.diagnoses,
    hydrosight_box.component_diagnoses TO hydrosight_box;

-- Operators read what machines sent, say what was found, and roll models out.
GRANT SELECT ON tenants, machines, agents, receipts, alerts, gaps, clock_steps, unknown_fields, misdated_records,
    model_offers TO hydrosight_operator;
GRANT SELECT (agent, expires_at, replaced_at) ON credentials TO hydrosight_operator;
GRANT SELECT, INSERT ON labels, audit TO hydrosight_operator;
GRANT SELECT, INSERT, UPDATE ON rollouts TO hydrosight_operator;
GRANT SELECT ON ALL TABLES IN SCHEMA hydrosight_operator TO hydrosight_operator;

GRANT SELECT ON machines, agents, receipts, windows, window_readings, diagnoses, component_diagnoses, alerts, gaps,
    clock_steps, rollouts, model_offers, health_by_hour, health_by_day, completeness_by_hour, completeness_by_day
    TO hydrosight_dashboard;
