-- name: insert
INSERT INTO rollouts (model, version, against, split, canaries, waves, soak_hours, max_failed, min_running,
                      silent_hours, created_by)
VALUES (%(model)s, %(version)s, %(against)s, %(split)s, %(canaries)s, %(waves)s, %(soak_hours)s, %(max_failed)s,
        %(min_running)s, %(silent_hours)s, %(created_by)s)
RETURNING *;

-- name: of_model
-- The latest first: it goes before those set up before it.
SELECT * FROM rollouts WHERE model = %(model)s ORDER BY id DESC;

-- name: newest
SELECT * FROM rollouts ORDER BY id DESC LIMIT %(limit)s;

-- name: one
SELECT * FROM rollouts WHERE id = %(id)s;

-- name: locked
-- Of two people who change it one waits and then sees what the other did.
SELECT * FROM rollouts WHERE id = %(id)s FOR UPDATE;

-- name: activate
-- Planned or paused, it goes on; what has failed so far is known to whoever does that.
UPDATE rollouts SET state = 'active', reason = '', known_failures = %(known_failures)s,
                    wave_opened_at = coalesce(wave_opened_at, now())
WHERE id = %(id)s RETURNING *;

-- name: open_wave
UPDATE rollouts SET wave = wave + 1, wave_opened_at = now() WHERE id = %(id)s RETURNING *;

-- name: end
UPDATE rollouts SET state = %(state)s, reason = %(reason)s WHERE id = %(id)s RETURNING *;

-- name: note_offer
-- What a box was answered last; of one model, since it runs one. `offered_at` is since when it is the same answer of the
-- same roll-out.
WITH others AS (DELETE FROM model_offers WHERE machine = %(machine)s AND model <> %(model)s)
INSERT INTO model_offers (machine, model, rollout, version) VALUES (%(machine)s, %(model)s, %(rollout)s, %(version)s)
ON CONFLICT (machine, model) DO UPDATE
SET rollout = excluded.rollout, version = excluded.version, asked_at = now(),
    offered_at = CASE WHEN (model_offers.rollout, model_offers.version)
                           IS NOT DISTINCT FROM (excluded.rollout, excluded.version)
                      THEN model_offers.offered_at ELSE now() END;

-- name: now
-- The database's clock, which all servers share.
SELECT now();

-- name: fleet_of_model
-- Every machine with a box whose newest diagnosis is of the model, or whose box has asked for it, by name.
SELECT machines.name AS machine, asked.rollout, coalesce(asked.version, '') AS offered, asked.offered_at, asked.asked_at,
       CASE WHEN newest.model_name = %(model)s THEN newest.model_version END AS running,
       newest.end_time AS diagnosed_until, failures.failed
FROM machines
JOIN agents ON agents.machine = machines.name AND agents.revoked_at IS NULL
LEFT JOIN model_offers AS asked ON asked.machine = machines.name AND asked.model = %(model)s
LEFT JOIN LATERAL (SELECT model_name, model_version, end_time FROM diagnoses
                   WHERE diagnoses.machine = machines.name ORDER BY start_time DESC LIMIT 1) AS newest ON true
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(document -> 'model' ->> 'version', message), '{}') AS failed FROM alerts
    WHERE document -> 'model' ->> 'version' IS NOT NULL AND alerts.machine = machines.name AND component = 'box' AND kind = 'model-update' AND state = 'raised'
      AND document -> 'model' ->> 'name' = %(model)s
) AS failures
WHERE newest.model_name = %(model)s OR asked.model IS NOT NULL
ORDER BY machines.name;

-- name: machines_by_model
-- How many machines' newest diagnosis is of which model.
SELECT newest.model_name, newest.model_version, count(*)
FROM machines CROSS JOIN LATERAL (
    SELECT model_name, model_version FROM diagnoses WHERE diagnoses.machine = machines.name
    ORDER BY start_time DESC LIMIT 1) AS newest
GROUP BY 1, 2;

-- name: model_of_machine
-- The model that a machine's box runs, by its newest diagnosis; before the first one, the one that it asked for last.
SELECT coalesce(newest.model_name, asked.model), newest.model_version
FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (SELECT model_name, model_version FROM diagnoses WHERE machine = %(machine)s
                   ORDER BY start_time DESC LIMIT 1) AS newest ON true
LEFT JOIN LATERAL (SELECT model FROM model_offers WHERE machine = %(machine)s
                   ORDER BY asked_at DESC LIMIT 1) AS asked ON true;
