-- name: as_box
-- Until the end of the transaction: what the role may is in isolation.sql, its views go before the tables.
SELECT set_config('role', 'hydrosight_box', true), set_config('hydrosight.machine', %(machine)s, true),
       set_config('search_path', 'hydrosight_box, ' || current_setting('search_path'), true);

-- name: as_operator
-- The same for people. `tenant` "*" is the whole centre, `machines` empty all that the tenant has.
SELECT set_config('role', 'hydrosight_operator', true), set_config('hydrosight.tenant', %(tenant)s, true),
       set_config('hydrosight.machines', %(machines)s, true),
       set_config('search_path', 'hydrosight_operator, ' || current_setting('search_path'), true);
