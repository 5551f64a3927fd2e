-- The first cause of death stays.
UPDATE family f
SET
    version = greatest(f.version, u.version),
    revoked = coalesce(f.revoked, u.cause),
    used_at = greatest(f.used_at, u.used_at)
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::bigint[]) AS u (stream, version, cause, used_at)
WHERE f.stream = u.stream
