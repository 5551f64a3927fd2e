SELECT e.position, e.stream, e.version, e.type, e.schema, e.recorded_at, e.envelope, e.payload, l.leaf
FROM (
    SELECT * FROM event b WHERE b.stream = $1
    UNION ALL
    SELECT * FROM event_lasting b WHERE b.stream = $1
) e
JOIN log l ON l.position = e.position
ORDER BY e.version
