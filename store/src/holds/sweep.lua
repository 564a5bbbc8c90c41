-- Tidies holds that have expired and tells the followers. ARGV: 1 most holds to drop.
-- Answers: {'forgot'} | {'swept', boot, ms until the next hold expires or '', last stream id}
if not known() then return { 'forgot' } end
local dropped, freed, areas = drop_expired(tonumber(ARGV[1]))
if dropped > 0 then
  announce(#freed > 0 and FREE .. ':' .. table.concat(freed, ',') or '', areas_left(areas))
end
local next = redis.call('ZRANGE', HOLDS, 0, 0, 'WITHSCORES')
local last = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)
return { 'swept', redis.call('GET', event .. ':boot'), next[2] and number(math.max(tonumber(next[2]) - now, 0)) or '',
  last[1] and last[1][1] or '0-0' }
