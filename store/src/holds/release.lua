-- Gives a hold back. ARGV: 1 hold, 2 '1' to release even a pinned one (its order is known to be closed).
-- Answers: {'forgot'} | {'gone'} | {'pinned'} | {'released'}
if not known() then return { 'forgot' } end
local r = redis.call('HMGET', event .. ':hold:' .. ARGV[1], 'e', 'o')
if not r[1] or tonumber(r[1]) <= now then return { 'gone' } end
if r[2] and ARGV[2] ~= '1' then return { 'pinned' } end
local freed, areas = drop_hold(ARGV[1])
announce(#freed > 0 and FREE .. ':' .. table.concat(freed, ',') or '', areas_left(areas))
return { 'released' }
