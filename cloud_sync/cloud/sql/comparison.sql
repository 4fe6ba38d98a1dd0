-- name: figures
-- One row a version and machine of a model, without the machines in `left_out`, over the windows that ended after
-- `since` and within the last `span`.
-- Alerts of component box are about boxes, not machines. Of what was said of a condition the last word counts.
WITH judged AS (
    SELECT model_version AS version, machine, start_time, end_time FROM diagnoses
    WHERE model_name = %(model)s AND machine <> ALL (%(left_out)s)
      AND end_time > greatest(%(since)s, now() - %(span)s)
      AND start_time > greatest(%(since)s, now() - %(span)s) - INTERVAL '1 day'  -- no window is longer
), by_windows AS (
    SELECT version, machine, count(*) AS windows, sum(extract(epoch FROM end_time - start_time))::float8 / 86400 AS days
    FROM judged GROUP BY 1, 2
), by_components AS (
    SELECT version, machine, count(*) AS judgements, count(*) FILTER (WHERE abstained) AS abstained,
           coalesce(sum(confidence) FILTER (WHERE NOT abstained), 0)::float8 AS confidence
    FROM judged JOIN component_diagnoses USING (machine, start_time) GROUP BY 1, 2
), by_alerts AS (
    SELECT document -> 'model' ->> 'version' AS version, machine, count(*) AS alerts FROM alerts
    WHERE state = 'raised' AND component <> 'box'
      AND time >= greatest(%(since)s, now() - %(span)s)
      AND document -> 'model' ->> 'name' = %(model)s GROUP BY 1, 2
), truth AS (
    SELECT DISTINCT ON (judged.machine, judged.start_time, labels.condition)
           version, judged.machine, judged.start_time, labels.condition, labels.level
    FROM judged JOIN labels ON labels.machine = judged.machine
        AND labels.start_time <= judged.start_time AND labels.end_time >= judged.end_time
    ORDER BY judged.machine, judged.start_time, labels.condition, labels.id DESC
), by_labels AS (
    SELECT version, machine, count(*) AS labelled, count(*) FILTER (WHERE said ->> 'level' = truth.level) AS agreed
    FROM truth JOIN diagnoses USING (machine, start_time)
    CROSS JOIN LATERAL jsonb_array_elements(document -> 'components') AS said
    WHERE truth.level IS NOT NULL AND said ->> 'condition' = truth.condition AND said ->> 'level' IS NOT NULL
    GROUP BY 1, 2
)
SELECT version, machine, windows, days, coalesce(judgements, 0) AS judgements, coalesce(abstained, 0) AS abstained,
       coalesce(confidence, 0) AS confidence, coalesce(alerts, 0) AS alerts, coalesce(labelled, 0) AS labelled,
       coalesce(agreed, 0) AS agreed
FROM by_windows
LEFT JOIN by_components USING (version, machine)
LEFT JOIN by_alerts USING (version, machine)
LEFT JOIN by_labels USING (version, machine)
ORDER BY machine, version;
