-- Writes `ready` and the cursor anew.
-- KEYS: ready, cursor. ARGV: run id, generation, position, gate sequence, beat (microseconds of PostgreSQL's time), 1
-- where the cursor must be there already: who prepared the generation wrote it, and if it is gone, so is what was filled.
-- Where `ready` names this run and generation already, the gate sequence is not lowered: somebody may have raised it, and
-- been acknowledged, since the caller read the log.
-- Where it names a newer generation of this run, the caller was paused while somebody else took over.
-- Returns 1, or 0 where nothing was written.
if ARGV[6] == '1' and redis.call('EXISTS', KEYS[2]) == 0 then
  return 0
end
local generation, gate = tonumber(ARGV[2]), tonumber(ARGV[4])
local ready = redis.call('GET', KEYS[1]) or ''
if #ready >= 20 and string.sub(ready, 21) == ARGV[1] then
  local stored, raised = struct.unpack('>I4I8', ready)
  if stored > generation then
    return 0
  end
  if stored == generation then
    gate = math.max(gate, raised)
  end
end
redis.call('SET', KEYS[2], ARGV[3])
redis.call('SET', KEYS[1], struct.pack('>I4I8I8', generation, gate, tonumber(ARGV[5])) .. ARGV[1])
return 1
