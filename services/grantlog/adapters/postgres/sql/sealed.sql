-- The grace window is at most a minute; the hour prunes the partitions that are kept a little longer.
SELECT s.box
FROM sealed s
WHERE s.stream = $1 AND s.version = $2
    AND s.recorded_at > (extract(epoch FROM statement_timestamp()) * 1000000)::bigint - 3600000000
