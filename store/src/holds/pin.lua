-- T1, first step: a hold goes into checkout. It cannot be extended or released any more and stays until `until ms` from
-- now, long enough for the claim to be committed and mirrored. ARGV: 1 hold, 2 order, 3 ms to stay.
-- Answers: {'forgot'} | {'gone'} | {'pinned', order} by another order | {'lost', seats that others have}
--        | {'held', seats, areas, payload, buyer}
if not known() then return { 'forgot' } end
local hold, key = ARGV[1], event .. ':hold:' .. ARGV[1]
local r = redis.call('HMGET', key, 'e', 'o', 's', 'g', 'p', 'b')
if not r[1] or tonumber(r[1]) <= now then return { 'gone' } end
if r[2] and r[2] ~= ARGV[2] then return { 'pinned', r[2] } end
local lost = lost_seats(hold, r[3])
if #lost > 0 then return { 'lost', table.concat(lost, ',') } end
local expiry = math.max(now + tonumber(ARGV[3]), tonumber(r[1]))
local value = number(expiry) .. ':' .. hold
for seat in each(r[3]) do redis.call('HSET', SEATS, seat, value) end
if not r[2] then redis.call('HSET', key, 'i', r[1]) end
redis.call('HSET', key, 'e', number(expiry), 'o', ARGV[2])
redis.call('PEXPIREAT', key, number(expiry + 86400000))
redis.call('ZADD', HOLDS, number(expiry), hold)
return { 'held', r[3], r[4], r[5], r[6] }
