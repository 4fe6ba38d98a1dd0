-- name: insert
INSERT INTO labels (machine, condition, level, start_time, end_time, said_by, note,
                    diagnosis_start, diagnosed_level, model_name, model_version)
VALUES (%(machine)s, %(condition)s, %(level)s, %(start)s, %(end)s, %(said_by)s, %(note)s,
        %(diagnosis_start)s, %(diagnosed_level)s, %(model_name)s, %(model_version)s)
RETURNING id, said_at;

-- name: newest
-- What was said last comes first; `before` (exclusive) is the id of the last one on the page before.
SELECT id, condition, level, start_time AS start, end_time AS "end", said_by, said_at, note,
       diagnosis_start, diagnosed_level, model_name, model_version FROM labels
WHERE machine = %(machine)s AND (%(before)s::int8 IS NULL OR id < %(before)s)
ORDER BY id DESC LIMIT %(limit)s;

-- name: diagnosis
-- What was said of the window that begins then.
SELECT document::text, end_time FROM diagnoses WHERE machine = %(machine)s AND start_time = %(start)s;

-- name: agreement
-- How often people saw what the model saw, by model and condition; of several verdicts about a diagnosis the last, if
-- no later label without a level took it back.
SELECT model_name, model_version, condition, count(*) AS verdicts,
       count(*) FILTER (WHERE level = diagnosed_level) AS confirmed,
       count(*) FILTER (WHERE level <> diagnosed_level) AS corrected,
       count(*) FILTER (WHERE diagnosed_level IS NULL) AS abstained
FROM (
    SELECT DISTINCT ON (machine, condition, diagnosis_start) * FROM labels
    WHERE diagnosis_start IS NOT NULL AND (%(machine)s::text IS NULL OR machine = %(machine)s)
    ORDER BY machine, condition, diagnosis_start, id DESC
) AS last_word
WHERE NOT EXISTS (
    SELECT FROM labels AS later
    WHERE later.machine = last_word.machine AND later.condition = last_word.condition AND later.id > last_word.id
      AND later.level IS NULL AND later.start_time <= last_word.start_time AND later.end_time >= last_word.end_time)
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
