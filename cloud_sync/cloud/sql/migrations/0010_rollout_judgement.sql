-- What roll-outs are judged by: the failures that boxes report as alerts about themselves, found by version.
-- Failures are told from known ones by machine, not by time: an alert's time is by the box's clock.
ALTER TABLE rollouts DROP COLUMN judged_since, ADD COLUMN known_failures text[] NOT NULL DEFAULT '{}';
CREATE INDEX alerts_of_failed_models ON alerts (machine) WHERE component = 'box' AND kind = 'model-update';
