-- The versions of families: 0 for one that is absent.
-- KEYS: the families. Returns a number each, in their order.
local versions = {}
for index = 1, #KEYS do
  local stored = redis.call('GETRANGE', KEYS[index], 0, 3)
  versions[index] = #stored == 4 and struct.unpack('>I4', stored) or 0
end
return versions
