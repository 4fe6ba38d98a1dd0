-- The role that dashboards read with. It sees machines of all tenants and what they sent, and no token or credential:
-- show its dashboards to people of the centre only. It takes what hydrosight_dashboard has, which the centre makes.
--   psql "$DATABASE_URL" --variable password="$(cat grafana-database-password)" --file deploy/grafana/reader.sql

CREATE ROLE hydrosight_reader LOGIN PASSWORD :'password' CONNECTION LIMIT 10;
ALTER ROLE hydrosight_reader SET default_transaction_read_only = on;
ALTER ROLE hydrosight_reader SET statement_timeout = '30s';
ALTER ROLE hydrosight_reader SET jit = off;  -- compiling a plan for a year's chunks takes longer than running it
GRANT hydrosight_dashboard TO hydrosight_reader;
