-- Writes families over smaller versions only, and moves the cursor, in one step.
-- KEYS: the cursor, then the families. ARGV: where the caller believes the cursor to stand, where it shall stand, then
-- version, value and milliseconds to live of each family.
-- A cursor that is gone, or stands below what the caller believes (a replica that lagged was promoted), stays where it is:
-- moving it would skip what was lost.
-- Returns how many families were behind, and 1 if the cursor stands where it shall (or further), else 0.
local behind = 0
for index = 2, #KEYS do
  local at = 3 * (index - 1)
  local stored = redis.call('GETRANGE', KEYS[index], 0, 3)
  if #stored < 4 or struct.unpack('>I4', stored) < tonumber(ARGV[at]) then
    redis.call('SET', KEYS[index], ARGV[at + 1], 'PX', ARGV[at + 2])
    behind = behind + 1
  end
end
local cursor = tonumber(redis.call('GET', KEYS[1]) or '')
if not cursor or cursor < tonumber(ARGV[1]) then
  return {behind, 0}
end
if cursor < tonumber(ARGV[2]) then
  redis.call('SET', KEYS[1], ARGV[2])
end
return {behind, 1}
