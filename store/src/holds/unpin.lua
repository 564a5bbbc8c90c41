-- The claim failed: the hold gets its old expiry back. ARGV: 1 hold, 2 order. Answers: {'unpinned'} | {'gone'}
local hold, key = ARGV[1], event .. ':hold:' .. ARGV[1]
local r = redis.call('HMGET', key, 'o', 'i', 's')
if not r[1] or r[1] ~= ARGV[2] then return { 'gone' } end
local value = r[2] .. ':' .. hold
for seat in each(r[3]) do
  -- A seat that was blocked or sold meanwhile stays so.
  if string.match(redis.call('HGET', SEATS, seat) or '', '^%d+:(%x+)$') == hold then
    redis.call('HSET', SEATS, seat, value)
  end
end
redis.call('HSET', key, 'e', r[2])
redis.call('HDEL', key, 'o', 'i')
redis.call('ZADD', HOLDS, r[2], hold)
return { 'unpinned' }
