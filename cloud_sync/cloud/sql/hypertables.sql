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
