-- The first cause of death stays.
UPDATE family f
SET version = greatest(f.version, u.version), revoked = coalesce(f.revoked, u.cause)
FROM unnest($1::uuid[], $2::integer[], $3::text[]) AS u (stream, version, cause)
WHERE f.stream = u.stream
