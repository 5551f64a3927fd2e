UPDATE lease l SET holder = '', until = 0 WHERE l.name = $1 AND l.holder = $2 AND l.fence = $3
