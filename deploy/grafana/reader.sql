-- The role that dashboards read with. It sees machines and what they sent, and no token or credential.
--   psql "$DATABASE_URL" --variable password="$(cat grafana-database-password)" --file deploy/grafana/reader.sql

CREATE ROLE hydrosight_reader LOGIN PASSWORD :'password' CONNECTION LIMIT 10;
ALTER ROLE hydrosight_reader SET default_transaction_read_only = on;
ALTER ROLE hydrosight_reader SET statement_timeout = '30s';
GRANT SELECT ON machines, agents, receipts, windows, window_readings, diagnoses, component_diagnoses, alerts, gaps,
    clock_steps, health_by_hour, health_by_day, completeness_by_hour, completeness_by_day, rollouts, model_offers
    TO hydrosight_reader;
