-- name: fleet
-- One row a machine: its active box and how far its clock is ahead, when it or a box before it last sent, its newest
-- diagnosis, how many alerts stand and how much was set apart for its time. `machine` null asks for all, by name; `after`
-- (exclusive) is the last one on the page before.
SELECT machines.name AS machine, machines.tenant, agents.id AS agent, agents.agent_version,
       seen.last_seen,
       newest.model_version, newest.overall_health, newest.end_time AS diagnosed_until,
       standing.alerts AS standing_alerts, extract(epoch FROM now() - newest.end_time)::float8 AS lag_s,
       agents.clock_state, agents.clock_offset_s,
       (SELECT count(*) FROM misdated_records WHERE misdated_records.machine = machines.name) AS misdated
FROM machines
LEFT JOIN agents ON agents.machine = machines.name AND agents.revoked_at IS NULL
LEFT JOIN (
    SELECT machine, max(last_seen_at) AS last_seen FROM agents GROUP BY machine
) AS seen ON seen.machine = machines.name
LEFT JOIN LATERAL (
    SELECT model_version, overall_health, end_time FROM diagnoses
    WHERE diagnoses.machine = machines.name ORDER BY start_time DESC LIMIT 1
) AS newest ON true
CROSS JOIN LATERAL (
    SELECT count(*) AS alerts FROM alerts WHERE alerts.machine = machines.name AND alerts.standing
) AS standing
WHERE (%(machine)s::text IS NULL OR machines.name = %(machine)s)
  AND (%(after)s::text IS NULL OR machines.name > %(after)s)
ORDER BY machines.name LIMIT %(limit)s;

-- name: machine_file
SELECT machine_file FROM machines WHERE name = %(machine)s;

-- name: diagnoses
-- Newest first; `before` (exclusive) is the start of the last one on the page before.
SELECT document::text AS text, start_time AS place FROM diagnoses
WHERE machine = %(machine)s AND (%(before)s::timestamptz IS NULL OR start_time < %(before)s)
ORDER BY start_time DESC LIMIT %(limit)s;

-- name: alerts
-- The newest state of each alert, the latest first, with one whose time can't be right where it came; `standing` leaves
-- out those that are cleared. In the order of an index. More than `limit` where several came at once: `before`
-- (exclusive) leaves none of them out.
SELECT document::text AS text, CASE WHEN misdated THEN received_at ELSE time END AS place FROM alerts
WHERE machine = %(machine)s AND (standing OR state = 'cleared' AND NOT %(standing)s)
  AND (%(before)s::timestamptz IS NULL OR CASE WHEN misdated THEN received_at ELSE time END < %(before)s)
ORDER BY CASE WHEN misdated THEN received_at ELSE time END DESC FETCH FIRST (%(limit)s) ROWS WITH TIES;

-- name: newest_components
-- What the newest diagnosis of a machine says of each component.
SELECT start_time AS start, component, health, level, severity, ne107, confidence, abstained
FROM component_diagnoses
WHERE machine = %(machine)s AND start_time = (
    SELECT start_time FROM diagnoses WHERE machine = %(machine)s ORDER BY start_time DESC LIMIT 1)
ORDER BY component;
