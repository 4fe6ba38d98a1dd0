-- What people say of a single diagnosis is a label of its window that names the diagnosis: which level the model saw
-- (null where it abstained), and which model. So it can be counted how often people and model agree.
ALTER TABLE labels
    ADD COLUMN diagnosis_start  timestamptz,
    ADD COLUMN diagnosed_level  text,
    ADD COLUMN model_name       text,
    ADD COLUMN model_version    text;
CREATE INDEX labels_of_diagnoses ON labels (machine, condition, diagnosis_start, id DESC)
    WHERE diagnosis_start IS NOT NULL;

-- Whether an alert is raised and not cleared, on its row `raised`: a fleet's count of those must not go through the
-- alerts of years. The two rows come in any order; the lock makes transactions with alerts of one machine take turns, so
-- that each sees what the other wrote.
ALTER TABLE alerts ADD COLUMN standing boolean NOT NULL DEFAULT false;
UPDATE alerts AS raised SET standing = true
WHERE state = 'raised' AND NOT EXISTS (
    SELECT FROM alerts AS cleared
    WHERE cleared.machine = raised.machine AND cleared.id = raised.id AND cleared.state = 'cleared');

CREATE FUNCTION note_standing_alert() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended(NEW.machine, 0));
    IF NEW.state = 'raised' THEN
        NEW.standing := NOT EXISTS (
            SELECT FROM alerts WHERE machine = NEW.machine AND id = NEW.id AND state = 'cleared');
    ELSE
        UPDATE alerts SET standing = false
        WHERE machine = NEW.machine AND id = NEW.id AND state = 'raised' AND standing;
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER note_standing BEFORE INSERT ON alerts FOR EACH ROW EXECUTE FUNCTION note_standing_alert();

CREATE INDEX alerts_standing ON alerts (machine) WHERE standing;
-- The order of the list: one with a wrong time is where it came.
CREATE INDEX alerts_by_place ON alerts (machine, (CASE WHEN misdated THEN received_at ELSE time END) DESC);

CREATE INDEX agents_by_enrolment ON agents (enrolled_at DESC);
