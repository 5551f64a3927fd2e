-- The events of rows of the log, in the order asked for.
SELECT e.position, e.stream, e.version, e.type, e.schema, e.recorded_at, e.envelope, e.payload,
    -- A lookup by position in any plan; as a join it could become a scan of the log.
    (SELECT l.leaf FROM log l WHERE l.position = e.position) AS leaf
FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS wanted (stream, version, i)
CROSS JOIN LATERAL (
    (SELECT * FROM event b WHERE b.stream = wanted.stream AND b.version = wanted.version)
    UNION ALL
    (SELECT * FROM event_lasting b WHERE b.stream = wanted.stream AND b.version = wanted.version)
    LIMIT 1
) e
ORDER BY wanted.i
