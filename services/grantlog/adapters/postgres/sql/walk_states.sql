-- One page of grants by id; what has no access token that may be alive comes without its blob.
SELECT s.stream, s.version, s.codec, CASE WHEN s.kind = 'grant' AND s.last_expiry > $2 THEN s.blob END AS blob
FROM state s
WHERE s.stream > $1
ORDER BY s.stream
LIMIT $3
