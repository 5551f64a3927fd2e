SELECT t.stream FROM token t WHERE t.hash = $1 LIMIT 1
