-- Compare-and-set: replaces a family only while the key holds exactly what the caller saw.
-- KEYS: the family. ARGV: what was seen ('' for absent), the new value ('' to remove it), milliseconds to live.
-- Returns 1 when it was replaced, else 0.
if (redis.call('GET', KEYS[1]) or '') ~= ARGV[1] then
  return 0
end
if ARGV[2] == '' then
  redis.call('UNLINK', KEYS[1])
else
  redis.call('SET', KEYS[1], ARGV[2], 'PX', ARGV[3])
end
return 1
