SELECT d.task, d.key, d.reason, d.at FROM dead_letter d ORDER BY d.id DESC LIMIT $1
