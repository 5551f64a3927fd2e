-- The generic cell rate algorithm, which is a token bucket stored as one moment: the time at which the bucket will be full.
-- KEYS: the bucket. ARGV: microseconds until one token has come back, capacity.
-- Returns the microseconds to wait before this attempt would have been admitted (0: it was, and was counted), and the
-- microseconds until the next one would be.
local interval, capacity = tonumber(ARGV[1]), tonumber(ARGV[2])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
local full = math.max(tonumber(redis.call('GET', KEYS[1]) or '') or 0, now)
local wait = full + interval - capacity * interval - now
if wait > 0 then
  return {math.ceil(wait), math.ceil(wait)}
end
full = full + interval
redis.call('SET', KEYS[1], string.format('%.0f', full), 'PX', math.ceil((full - now) / 1000))
return {0, math.max(0, math.ceil(full + interval - capacity * interval - now))}
