-- name: health_by_hour
-- Latest first. More than `limit` rows where components share a bucket: `before` (exclusive) leaves none of them out.
-- Not `anywhere`: as many buckets back as there may be rows, and no others are computed.
SELECT component, bucket AS start, mean_health, least_health, judged, windows FROM health_by_hour
WHERE machine = %(machine)s AND (%(component)s::text IS NULL OR component = %(component)s)
  AND (%(before)s::timestamptz IS NULL OR bucket < %(before)s)
  AND (%(anywhere)s OR bucket >= coalesce(%(before)s, now()) - %(limit)s * INTERVAL '1 hour')
ORDER BY bucket DESC FETCH FIRST (%(limit)s) ROWS WITH TIES;

-- name: health_by_day
-- The same by day.
SELECT component, bucket AS start, mean_health, least_health, judged, windows FROM health_by_day
WHERE machine = %(machine)s AND (%(component)s::text IS NULL OR component = %(component)s)
  AND (%(before)s::timestamptz IS NULL OR bucket < %(before)s)
  AND (%(anywhere)s OR bucket >= coalesce(%(before)s, now()) - %(limit)s * INTERVAL '24 hours')
ORDER BY bucket DESC FETCH FIRST (%(limit)s) ROWS WITH TIES;

-- name: completeness_by_hour
-- `covered_s`: how much of the hour has windows.
SELECT bucket AS start, windows, covered_s, mean_completeness, least_completeness FROM completeness_by_hour
WHERE machine = %(machine)s AND (%(before)s::timestamptz IS NULL OR bucket < %(before)s)
  AND (%(anywhere)s OR bucket >= coalesce(%(before)s, now()) - %(limit)s * INTERVAL '1 hour')
ORDER BY bucket DESC LIMIT %(limit)s;

-- name: completeness_by_day
-- The same by day.
SELECT bucket AS start, windows, covered_s, mean_completeness, least_completeness FROM completeness_by_day
WHERE machine = %(machine)s AND (%(before)s::timestamptz IS NULL OR bucket < %(before)s)
  AND (%(anywhere)s OR bucket >= coalesce(%(before)s, now()) - %(limit)s * INTERVAL '24 hours')
ORDER BY bucket DESC LIMIT %(limit)s;
