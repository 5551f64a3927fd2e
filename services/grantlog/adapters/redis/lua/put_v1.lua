-- Writes a family over smaller versions only (design section 5: state transfer, never deltas).
-- KEYS: the family's key in every generation that is written.
-- ARGV: version, value, milliseconds to live.
-- Returns how many keys were behind.
local version = tonumber(ARGV[1])
local behind = 0
for _, key in ipairs(KEYS) do
  local stored = redis.call('GETRANGE', key, 0, 3)
  if #stored < 4 or struct.unpack('>I4', stored) < version then
    redis.call('SET', key, ARGV[2], 'PX', ARGV[3])
    behind = behind + 1
  end
end
return behind
