-- Admits a record among those of its owner, unless the owner has as many as it may. Expired ones do not count.
-- KEYS: the owner's sorted set. ARGV: name of the record, limit, seconds to live.
-- Returns 1 when admitted (also when it was already in), else 0.
local now = tonumber(redis.call('TIME')[1])
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
if not redis.call('ZSCORE', KEYS[1], ARGV[1]) and redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[2]) then
  return 0
end
local ends = now + tonumber(ARGV[3])
redis.call('ZADD', KEYS[1], ends, ARGV[1])
-- The set must outlive its longest record.
local last = tonumber(redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2])
redis.call('EXPIRE', KEYS[1], math.max(last, ends) - now + 1)
return 1
