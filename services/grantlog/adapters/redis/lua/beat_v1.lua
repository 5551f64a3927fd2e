-- Renews `ready` and moves the cursor, if `ready` still names this run and generation and the cursor is where the caller
-- left it, or further.
-- KEYS: ready, cursor. ARGV: run id, generation, where the caller believes the cursor to stand, position, gate sequence,
-- beat (microseconds of PostgreSQL's time).
-- The gate sequence is never lowered. Returns 1, or 0 where nothing was renewed.
local ready = redis.call('GET', KEYS[1]) or ''
local cursor = tonumber(redis.call('GET', KEYS[2]) or '')
if #ready < 20 or not cursor or cursor < tonumber(ARGV[3]) then
  return 0
end
local generation, gate = struct.unpack('>I4I8', ready)
if string.sub(ready, 21) ~= ARGV[1] or generation ~= tonumber(ARGV[2]) then
  return 0
end
if cursor < tonumber(ARGV[4]) then
  redis.call('SET', KEYS[2], ARGV[4])
end
redis.call('SET', KEYS[1], struct.pack('>I4I8I8', generation, math.max(gate, tonumber(ARGV[5])), tonumber(ARGV[6])) .. ARGV[1])
return 1
