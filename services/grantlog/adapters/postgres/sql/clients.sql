SELECT c.stream, c.client_id FROM client c ORDER BY c.stream DESC LIMIT $1
