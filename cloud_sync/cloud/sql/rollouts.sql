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
-- Locked, so that of two people who change it one waits and then sees what the other did.
SELECT * FROM rollouts WHERE id = %(id)s FOR UPDATE;

-- name: activate
-- Planned or paused, it goes on; what has failed so far is known to whoever does that.
UPDATE rollouts SET state = 'active', reason = '', judged_since = now(),
                    wave_opened_at = coalesce(wave_opened_at, now())
WHERE id = %(id)s RETURNING *;

-- name: open_wave
UPDATE rollouts SET wave = wave + 1, wave_opened_at = now() WHERE id = %(id)s RETURNING *;

-- name: end
UPDATE rollouts SET state = %(state)s, reason = %(reason)s WHERE id = %(id)s RETURNING *;

-- name: note_offer
-- What a box was answered last. `offered_at` is since when it is the same answer of the same roll-out.
INSERT INTO model_offers (machine, model, rollout, version) VALUES (%(machine)s, %(model)s, %(rollout)s, %(version)s)
ON CONFLICT (machine, model) DO UPDATE
SET rollout = excluded.rollout, version = excluded.version, asked_at = now(),
    offered_at = CASE WHEN (model_offers.rollout, model_offers.version)
                           IS NOT DISTINCT FROM (excluded.rollout, excluded.version)
                      THEN model_offers.offered_at ELSE now() END;

-- name: model_of_machine
-- The model that a machine's box runs, by its newest diagnosis; before the first one, the one that it asked for last.
SELECT coalesce(newest.model_name, asked.model), newest.model_version
FROM (VALUES (1)) AS one
LEFT JOIN LATERAL (SELECT model_name, model_version FROM diagnoses WHERE machine = %(machine)s
                   ORDER BY start_time DESC LIMIT 1) AS newest ON true
LEFT JOIN LATERAL (SELECT model FROM model_offers WHERE machine = %(machine)s
                   ORDER BY asked_at DESC LIMIT 1) AS asked ON true;
