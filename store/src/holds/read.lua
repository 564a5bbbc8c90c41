-- A hold as it stands. ARGV: 1 hold. Answers: {'forgot'} | {'gone'} | {'held', seats, areas, expiry, cap, now, payload,
-- extensions, order or '', created}
if not known() then return { 'forgot' } end
local r = redis.call('HMGET', event .. ':hold:' .. ARGV[1], 's', 'g', 'e', 'x', 'p', 'n', 'o', 't')
if not r[3] or tonumber(r[3]) <= now then return { 'gone' } end
return { 'held', r[1], r[2], r[3], r[4], number(now), r[5], r[6], r[7] or '', r[8] }
