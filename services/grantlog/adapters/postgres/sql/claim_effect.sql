INSERT INTO effect (handler, position) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING true
