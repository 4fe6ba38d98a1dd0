-- name: agents
-- The boxes, the one enrolled last first. `expires_at` is the end of the credential that lasts longest, null when one has
-- no end. `before` (exclusive) is the `enrolled_at` of the last one on the page before; several that enrolled at once come
-- together.
SELECT agents.id, agents.machine, agents.agent_version, agents.enrolled_at, agents.last_seen_at AS last_seen,
       agents.revoked_at, held.expires_at, coalesce(held.expired, false) AS expired,
       agents.clock_state, agents.clock_offset_s
FROM agents
LEFT JOIN LATERAL (
    SELECT CASE WHEN bool_or(expires_at IS NULL) THEN NULL ELSE max(expires_at) END AS expires_at,
           bool_and(coalesce(expires_at <= now(), false)) AS expired
    FROM credentials WHERE credentials.agent = agents.id AND replaced_at IS NULL
) AS held ON true
WHERE (%(id)s::text IS NULL OR agents.id = %(id)s)
  AND (%(machine)s::text IS NULL OR agents.machine = %(machine)s)
  AND (%(revoked)s OR agents.revoked_at IS NULL)
  AND (%(before)s::timestamptz IS NULL OR agents.enrolled_at < %(before)s)
ORDER BY agents.enrolled_at DESC FETCH FIRST (%(limit)s) ROWS WITH TIES;
