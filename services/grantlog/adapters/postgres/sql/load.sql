-- The states of $1 in their order, and the head as of the same snapshot.
SELECT
    h.log_id, h.position, h.gate_sequence, greatest(micros(), h.recorded_at) AS recorded_at, h.projection::text AS projection,
    found.versions, found.kinds, found.codecs, found.blobs
FROM head h
CROSS JOIN (
    SELECT
        array_agg(s.version ORDER BY wanted.i) AS versions,
        array_agg(s.kind ORDER BY wanted.i) AS kinds,
        array_agg(s.codec ORDER BY wanted.i) AS codecs,
        array_agg(s.blob ORDER BY wanted.i) AS blobs
    FROM unnest($1::uuid[]) WITH ORDINALITY AS wanted (stream, i)
    -- LIMIT keeps this a lookup for each stream, in one partition; as a plain join it could become a scan of all.
    LEFT JOIN LATERAL (
        (SELECT b.version, b.kind, b.codec, b.blob FROM state b WHERE b.stream = wanted.stream)
        UNION ALL
        (SELECT l.version, l.kind, l.codec, l.blob FROM state_lasting l WHERE l.stream = wanted.stream)
        LIMIT 1
    ) s ON true
) found
WHERE h.log = 0
