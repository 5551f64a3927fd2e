INSERT INTO stream_count AS c (kind, streams, events)
SELECT u.* FROM unnest($1::text[], $2::bigint[], $3::bigint[]) AS u (kind, streams, events)
ON CONFLICT (kind) DO UPDATE SET streams = c.streams + excluded.streams, events = c.events + excluded.events
