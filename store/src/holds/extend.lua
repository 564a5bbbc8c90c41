-- Gives a hold a full time to live again, up to its absolute cap. ARGV: 1 hold, 2 ttl ms, 3 idempotency key or '',
-- 4 fingerprint. Answers: {'forgot'} | {'gone'} | {'pinned'} | {'cap'} | {'conflict'} | {'extended'}
if not known() then return { 'forgot' } end
local hold, key = ARGV[1], event .. ':hold:' .. ARGV[1]
local replay_key = event .. ':key:' .. ARGV[3]
if ARGV[3] ~= '' then
  local fingerprint = redis.call('HGET', replay_key, 'f')
  if fingerprint then return { fingerprint == ARGV[4] and 'extended' or 'conflict' } end
end
local r = redis.call('HMGET', key, 'e', 'x', 's', 'b', 'o', 'k')
if not r[1] or tonumber(r[1]) <= now then return { 'gone' } end
if r[5] then return { 'pinned' } end
if #lost_seats(hold, r[3]) > 0 then return { 'gone' } end
local expiry = math.min(now + tonumber(ARGV[2]), tonumber(r[2]))
if expiry <= tonumber(r[1]) then return { 'cap' } end
local value = number(expiry) .. ':' .. hold
for seat in each(r[3]) do redis.call('HSET', SEATS, seat, value) end
redis.call('HSET', key, 'e', number(expiry))
redis.call('HINCRBY', key, 'n', 1)
redis.call('ZADD', HOLDS, number(expiry), hold)
for _, counter in ipairs(counters(r[4], r[6])) do
  if counter ~= '' then
    local count = string.match(redis.call('HGET', counter, hold) or ':0', ':(%d+)$')
    redis.call('HSET', counter, hold, number(expiry) .. ':' .. count)
  end
end
if ARGV[3] ~= '' then
  redis.call('HSET', replay_key, 'f', ARGV[4])
  redis.call('EXPIRE', replay_key, 86400)
end
return { 'extended' }
