-- Expired so long ago, or so late, that there is no partition: nobody will ask for it.
INSERT INTO token (hash, expires_at, stream, version, kind)
SELECT u.*
FROM unnest($1::bytea[], $2::bigint[], $3::uuid[], $4::integer[], $5::text[]) AS u (hash, expires_at, stream, version, kind)
WHERE EXISTS (
    SELECT FROM partition p WHERE p.parent = 'token' AND p.lower <= u.expires_at AND u.expires_at < p.upper
)
ON CONFLICT DO NOTHING
