SELECT l.position, l.stream, l.version, l.type, l.recorded_at
FROM log l
WHERE l.position > $1
ORDER BY l.position
LIMIT $2
