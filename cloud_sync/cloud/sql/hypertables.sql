-- Make hypertables of the large tables where TimescaleDB is there; run after every migration, and harmless again.
--
-- Not a numbered migration: a database may gain TimescaleDB later, and its rows then move into chunks.
-- Chunks serve retention (drop_chunks takes no vacuum) and keep the indexes of the newest data in memory.
-- `timescaledb.disable_load` exists only where the library is preloaded; without that CREATE EXTENSION ends the session.

DO $$
BEGIN
    IF current_setting('timescaledb.disable_load', true) IS NULL THEN
        RETURN;
    END IF;
    BEGIN
        CREATE EXTENSION IF NOT EXISTS timescaledb;
    EXCEPTION WHEN insufficient_privilege THEN
        RAISE WARNING 'TimescaleDB is installed but this role may not create the extension: plain tables stay';
        RETURN;
    END;
    PERFORM create_hypertable('windows', by_range('start_time', INTERVAL '1 day'),
                              create_default_indexes => FALSE, if_not_exists => TRUE, migrate_data => TRUE);
    PERFORM create_hypertable('window_readings', by_range('start_time', INTERVAL '7 days'),
                              create_default_indexes => FALSE, if_not_exists => TRUE, migrate_data => TRUE);
    PERFORM create_hypertable('diagnoses', by_range('start_time', INTERVAL '7 days'),
                              create_default_indexes => FALSE, if_not_exists => TRUE, migrate_data => TRUE);
    PERFORM create_hypertable('component_diagnoses', by_range('start_time', INTERVAL '7 days'),
                              create_default_indexes => FALSE, if_not_exists => TRUE, migrate_data => TRUE);
END
$$;

-- The columnstore, once boxes have sent what an outage of a week left behind: a row that comes later still gets in.
-- ADR 30 has what it saves. The licence of some builds leaves it out; such a database keeps rows.
DO $$
DECLARE
    store record;
BEGIN
    IF NOT EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb') THEN
        RETURN;
    END IF;
    FOR store IN
        SELECT * FROM (VALUES
            ('windows', 'machine, sensor', INTERVAL '8 days'),
            ('diagnoses', 'machine', INTERVAL '14 days'),
            ('component_diagnoses', 'machine, component', INTERVAL '14 days')
        ) AS stores (name, segmentby, after)
        WHERE NOT EXISTS (SELECT FROM timescaledb_information.hypertables AS known
                          WHERE known.hypertable_schema = current_schema AND known.hypertable_name = stores.name
                            AND known.compression_enabled)
    LOOP
        EXECUTE format('ALTER TABLE %I SET (timescaledb.enable_columnstore, timescaledb.segmentby = %L, '
                       'timescaledb.orderby = ''start_time'')', store.name, store.segmentby);
        CALL add_columnstore_policy(store.name::regclass, after => store.after, if_not_exists => TRUE);
    END LOOP;
EXCEPTION WHEN feature_not_supported THEN
    RAISE WARNING 'this build of TimescaleDB has no columnstore: %', SQLERRM;
END
$$;
