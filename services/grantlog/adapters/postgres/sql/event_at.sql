SELECT e.position, e.stream, e.version, e.type, e.schema, e.recorded_at, e.envelope, e.payload,
    -- A lookup by position in any plan; as a join it could become a scan of the log.
    (SELECT l.leaf FROM log l WHERE l.position = e.position) AS leaf
FROM (
    (SELECT * FROM event b WHERE b.stream = $1 AND b.version = $2)
    UNION ALL
    (SELECT * FROM event_lasting b WHERE b.stream = $1 AND b.version = $2)
    LIMIT 1
) e
