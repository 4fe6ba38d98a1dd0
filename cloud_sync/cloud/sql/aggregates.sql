-- Health and completeness by hour and by day: continuous aggregates where TimescaleDB offers them, else plain views of
-- the same names and columns. Run after every migration, and harmless again.
--
-- Continuous aggregates answer with what is materialised and, for the newest buckets, from the rows themselves. What
-- comes up to a month late their policies materialise anew, what is older a server does (store/late_aggregates.py).

DO $$
DECLARE
    aggregate record;
    with_timescale boolean := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
    health constant text := 'SELECT machine, component, %s AS bucket, avg(health) AS mean_health, '
        'min(health) AS least_health, count(health) AS judged, count(*) AS windows '
        'FROM component_diagnoses GROUP BY 1, 2, 3';
    completeness constant text := 'SELECT machine, %s AS bucket, count(*) AS windows, '
        'avg(completeness) AS mean_completeness, min(completeness) AS least_completeness, '
        'sum(extract(epoch FROM end_time - start_time))::float8 AS covered_s FROM diagnoses GROUP BY 1, 2';
BEGIN
    FOR aggregate IN SELECT * FROM (VALUES
        ('health_by_hour', health, INTERVAL '1 hour'), ('health_by_day', health, INTERVAL '1 day'),
        ('completeness_by_hour', completeness, INTERVAL '1 hour'),
        ('completeness_by_day', completeness, INTERVAL '1 day')) AS aggregates (name, query, width)
    LOOP
        IF with_timescale THEN
            CONTINUE WHEN EXISTS (SELECT FROM timescaledb_information.continuous_aggregates
                                  WHERE view_schema = current_schema AND view_name = aggregate.name);
            BEGIN
                -- isolation.sql makes its own views of it anew.
                EXECUTE format('DROP VIEW IF EXISTS %I.%I CASCADE', current_schema, aggregate.name);
                EXECUTE format('CREATE MATERIALIZED VIEW %I WITH (timescaledb.continuous, '
                               'timescaledb.materialized_only = false) AS ', aggregate.name)
                    || format(aggregate.query, format('time_bucket(%L::interval, start_time)', aggregate.width))
                    || ' WITH NO DATA';
                PERFORM add_continuous_aggregate_policy(
                    aggregate.name::regclass, start_offset => INTERVAL '30 days', end_offset => aggregate.width,
                    schedule_interval => INTERVAL '1 hour', if_not_exists => TRUE);
                CONTINUE;
            EXCEPTION WHEN feature_not_supported THEN
                RAISE WARNING 'this build of TimescaleDB has no continuous aggregates: %', SQLERRM;
            END;
        END IF;
        EXECUTE format('CREATE OR REPLACE VIEW %I AS ', aggregate.name)
            || format(aggregate.query, format('date_bin(%L, start_time, %L::timestamptz)', aggregate.width,
                                              '2000-01-03 00:00:00+00'));
    END LOOP;
END
$$;
