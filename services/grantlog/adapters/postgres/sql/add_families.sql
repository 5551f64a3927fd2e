-- What was born outside the partitions is gone from the log as well.
INSERT INTO family (stream, version, client_id, account, session, born, used_at)
SELECT u.*, u.born
FROM unnest($1::uuid[], $2::integer[], $3::text[], $4::uuid[], $5::uuid[], $6::bigint[])
    AS u (stream, version, client_id, account, session, born)
WHERE EXISTS (
    SELECT FROM partition p
    WHERE p.parent = 'family' AND first_id(p.lower) <= u.stream AND u.stream < first_id(p.upper)
)
ON CONFLICT DO NOTHING
