-- Health and completeness by hour and by day: continuous aggregates where TimescaleDB offers them, else plain views of
-- the same names and columns. Run after every migration, and harmless again.
--
-- Continuous aggregates answer with what is materialised and, for the newest buckets, from the rows themselves. What
-- comes up to a month late their policies materialise anew, what is older a server does (store/late_aggregates.py).
--
-- Plain views count through the buckets from a machine's first row to its last, and look at the rows of each by the key:
-- who asks for some buckets has these alone computed.

DO $$
DECLARE
    aggregate record;
    with_timescale boolean := EXISTS (SELECT FROM pg_extension WHERE extname = 'timescaledb');
    health constant text := 'avg(health) AS mean_health, min(health) AS least_health, count(health) AS judged, '
        'count(*) AS windows';
    health_names constant text := 'mean_health, least_health, judged, windows';
    completeness constant text := 'count(*) AS windows, avg(completeness) AS mean_completeness, '
        'min(completeness) AS least_completeness, '
        'sum(extract(epoch FROM end_time - start_time))::float8 AS covered_s';
    completeness_names constant text := 'windows, mean_completeness, least_completeness, covered_s';
BEGIN
    FOR aggregate IN SELECT * FROM (VALUES
        ('health_by_hour', 'component_diagnoses', 'component, ', health, health_names, INTERVAL '1 hour'),
        ('health_by_day', 'component_diagnoses', 'component, ', health, health_names, INTERVAL '1 day'),
        ('completeness_by_hour', 'diagnoses', '', completeness, completeness_names, INTERVAL '1 hour'),
        ('completeness_by_day', 'diagnoses', '', completeness, completeness_names, INTERVAL '1 day')
    ) AS aggregates (name, source, part, figures, names, width)
    LOOP
        IF with_timescale THEN
            CONTINUE WHEN EXISTS (SELECT FROM timescaledb_information.continuous_aggregates
                                  WHERE view_schema = current_schema AND view_name = aggregate.name);
            BEGIN
                -- isolation.sql makes its own views of it anew.
                EXECUTE format('DROP VIEW IF EXISTS %I.%I CASCADE', current_schema, aggregate.name);
                EXECUTE format('CREATE MATERIALIZED VIEW %I WITH (timescaledb.continuous, '
                               'timescaledb.materialized_only = false) AS '
                               'SELECT machine, %stime_bucket(%L::interval, start_time) AS bucket, %s FROM %I '
                               'GROUP BY machine, %sbucket WITH NO DATA',
                               aggregate.name, aggregate.part, aggregate.width, aggregate.figures, aggregate.source,
                               aggregate.part);
                PERFORM add_continuous_aggregate_policy(
                    aggregate.name::regclass, start_offset => INTERVAL '30 days', end_offset => aggregate.width,
                    schedule_interval => INTERVAL '1 hour', if_not_exists => TRUE);
                CONTINUE;
            EXCEPTION WHEN feature_not_supported THEN
                RAISE WARNING 'this build of TimescaleDB has no continuous aggregates: %', SQLERRM;
            END;
        END IF;
        -- A day is 24 hours here: as INTERVAL '1 day' it would depend on the session's time zone.
        EXECUTE format(
            'CREATE OR REPLACE VIEW %1$I AS SELECT name AS machine, %2$sbucket, %3$s FROM machines '
            'CROSS JOIN LATERAL (SELECT min(start_time) AS first, max(start_time) AS last FROM %4$I '
            'WHERE machine = machines.name) AS known '
            'CROSS JOIN LATERAL generate_series(date_bin(%5$L, first, ''2000-01-03 00:00:00+00''), last, %5$L) AS bucket '
            'CROSS JOIN LATERAL (SELECT %2$s%6$s FROM %4$I WHERE machine = machines.name AND start_time >= bucket '
            'AND start_time < bucket + %5$L::interval %7$s) AS figures WHERE windows > 0',
            aggregate.name, aggregate.part, aggregate.names, aggregate.source,
            make_interval(secs => extract(epoch FROM aggregate.width)::float8), aggregate.figures,
            CASE aggregate.part WHEN '' THEN '' ELSE 'GROUP BY component' END);
    END LOOP;
END
$$;
