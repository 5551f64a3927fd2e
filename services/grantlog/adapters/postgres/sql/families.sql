SELECT f.stream, f.client_id, f.account, f.session, f.born, f.revoked, f.version, f.used_at
FROM family f
WHERE true {conditions}
ORDER BY f.stream DESC
LIMIT $1
