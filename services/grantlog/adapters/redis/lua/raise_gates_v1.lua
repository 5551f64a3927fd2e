-- Raises the gate sequence in `ready`, if it names this run and generation.
-- KEYS: ready. ARGV: run id, generation, gate sequence.
-- Returns 1 when `ready` now holds this sequence or a greater one, 0 where it is gone or names somebody else.
local ready = redis.call('GET', KEYS[1]) or ''
if #ready < 20 or string.sub(ready, 21) ~= ARGV[1] then
  return 0
end
local generation, gate, beat = struct.unpack('>I4I8I8', ready)
if generation ~= tonumber(ARGV[2]) then
  return 0
end
if gate < tonumber(ARGV[3]) then
  redis.call('SET', KEYS[1], struct.pack('>I4I8I8', generation, tonumber(ARGV[3]), beat) .. ARGV[1])
end
return 1
