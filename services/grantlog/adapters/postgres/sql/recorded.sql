-- The events of rows of the log, in the order asked for.
SELECT e.position, e.stream, e.version, e.type, e.schema, e.recorded_at, e.envelope, e.payload, l.leaf
FROM unnest($1::uuid[], $2::integer[]) WITH ORDINALITY AS wanted (stream, version, i)
CROSS JOIN LATERAL (
    (SELECT * FROM event b WHERE b.stream = wanted.stream AND b.version = wanted.version)
    UNION ALL
    (SELECT * FROM event_lasting b WHERE b.stream = wanted.stream AND b.version = wanted.version)
    LIMIT 1
) e
JOIN log l ON l.position = e.position
ORDER BY wanted.i
