-- Nothing where the lease of this name, or the cursor itself, has seen a newer holder.
INSERT INTO cursor AS c (name, position, fence)
SELECT $1::text, $2::bigint, $3::bigint
WHERE NOT EXISTS (SELECT FROM lease l WHERE l.name = $1::text AND l.fence > $3::bigint)
ON CONFLICT (name) DO UPDATE SET position = greatest(c.position, excluded.position), fence = excluded.fence
WHERE c.fence <= excluded.fence
RETURNING c.position
