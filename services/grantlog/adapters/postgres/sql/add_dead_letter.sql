INSERT INTO dead_letter (task, key, reason, at) VALUES ($1, $2, $3, $4)
