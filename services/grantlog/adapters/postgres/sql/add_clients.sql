INSERT INTO client (stream, client_id, registered_at)
SELECT u.* FROM unnest($1::uuid[], $2::text[], $3::bigint[]) AS u (stream, client_id, registered_at)
ON CONFLICT DO NOTHING
