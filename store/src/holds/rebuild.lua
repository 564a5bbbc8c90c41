-- Redis forgot an event: writes what Postgres knows. The first call of a rebuild clears, the last one opens the gate;
-- while `{E}:boot` is missing every other script answers 'forgot'.
-- ARGV: 1 token of the rebuild, 2 '1' first | '', 3 boot id when last | '', 4 JSON {s=[[seat, value]], g=[[area, cap, taken, version, one]]}
-- Answers: {'busy'} another server rebuilds | {'known'} nothing to do | {'written'}
if known() then return { 'known' } end
local lock = event .. ':rebuild'
local holder = redis.call('GET', lock)
if holder and holder ~= ARGV[1] then return { 'busy' } end
redis.call('SET', lock, ARGV[1], 'PX', 10000)
if ARGV[2] == '1' then
  redis.call('DEL', SEATS, HOLDS, GA)
elseif not holder then
  return { 'busy' }
end
local data = cjson.decode(ARGV[4])
for _, pair in ipairs(data.s) do redis.call('HSET', SEATS, number(pair[1]), pair[2]) end
for _, area in ipairs(data.g) do
  local name = number(area[1])
  redis.call('HSET', GA, 'cap:' .. name, number(area[2]), 'taken:' .. name, number(area[3]), 'version:' .. name,
    number(area[4]), 'one:' .. name, number(area[5]))
end
if ARGV[3] ~= '' then
  redis.call('SET', event .. ':boot', ARGV[3])
  redis.call('DEL', lock)
  redis.call('XADD', LOG, 'MAXLEN', '~', LOG_LENGTH, '*', 'k', 'boot')
end
return { 'written' }
