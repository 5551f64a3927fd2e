-- Puts another value into a record that still has the one its caller has read; its owner and its end stay.
-- KEYS: the record. ARGV: bytes of the owner's name, the old value, the new value.
-- Returns 1 when it was put, else 0.
local record = redis.call('GET', KEYS[1])
if not record or string.sub(record, ARGV[1] + 1) ~= ARGV[2] then
  return 0
end
redis.call('SET', KEYS[1], string.sub(record, 1, ARGV[1]) .. ARGV[3], 'KEEPTTL')
return 1
