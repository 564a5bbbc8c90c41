-- T0: takes places for a while, all or nothing.
-- ARGV: 1 hold, 2 ttl ms, 3 longest life ms, 4 buyer or '', 5 most places per buyer, 6 areas '<area>:<quantity>,…',
--       7 payload (opaque), 8 idempotency key or '', 9 fingerprint, 10 places asked for, 11 network of a visitor or '',
--       12 most places per network, 13… candidates: lists of seats
-- Candidates are tried in order; the first that is free as a whole is taken. No candidate: only areas are asked for.
-- An empty candidate is never free: the caller found none, and asks for an earlier answer under the same key.
-- Answers: {'forgot'} | {'replay', answer…} | {'conflict'} | {'limit', places held, most}
--        | {'area', area, left} | {'lost', seats that are not free}
--        | {'placed', seats, expiry, cap, now, payload, hold}
if not known() then return { 'forgot' } end
local hold, ttl, life, buyer = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3]), ARGV[4]
local areas, payload, idempotency, asked = ARGV[6], ARGV[7], ARGV[8], tonumber(ARGV[10])

local replay_key = event .. ':key:' .. idempotency
if idempotency ~= '' then
  local stored = redis.call('HMGET', replay_key, 'f', 's', 'e', 'x', 't', 'p', 'h')
  if stored[1] then
    if stored[1] ~= ARGV[9] then return { 'conflict' } end
    return { 'replay', stored[2], stored[3], stored[4], stored[5], stored[6], stored[7] }
  end
end

-- Places in live holds of one buyer or network.
local function places_of(key)
  local places, entries = 0, redis.call('HGETALL', key)
  for i = 1, #entries, 2 do
    local expiry, count = string.match(entries[i + 1], '^(%d+):(%d+)$')
    if tonumber(expiry) > now then places = places + count else redis.call('HDEL', key, entries[i]) end
  end
  return places
end

local network = ARGV[11]
local limits = { ARGV[5], ARGV[12] }
for i, counter in ipairs(counters(buyer, network)) do
  if counter ~= '' then
    local places, most = places_of(counter), limits[i]
    if places + asked > tonumber(most) then return { 'limit', places, most } end
  end
end

for area, quantity in each_area(areas) do
  quantity = tonumber(quantity)
  if area_left(area) < quantity then
    -- Expired holds still count in `held`: tidy up before saying no.
    repeat
      local dropped, freed, list = drop_expired(100)
      if dropped > 0 then announce(#freed > 0 and FREE .. ':' .. table.concat(freed, ',') or '', areas_left(list)) end
    until dropped < 100
    if area_left(area) < quantity then return { 'area', area, math.max(area_left(area), 0) } end
  end
end

local taken, lost = nil, {}
for i = 13, #ARGV do
  local seats, free = {}, true
  for seat in each(ARGV[i]) do seats[#seats + 1] = seat end
  local values = #seats > 0 and redis.call('HMGET', SEATS, unpack(seats)) or {}
  free = #seats > 0
  for j = 1, #seats do
    if not is_free(values[j]) then
      free = false
      lost[#lost + 1] = seats[j]
    end
  end
  if free then
    taken = seats
    break
  end
end
if not taken and #ARGV > 12 then return { 'lost', table.concat(lost, ',') } end

local cap = now + life
local expiry = math.min(now + ttl, cap)
local list = ''
if taken then
  local value, fields = number(expiry) .. ':' .. hold, {}
  for i, seat in ipairs(taken) do
    fields[2 * i - 1] = seat
    fields[2 * i] = value
  end
  redis.call('HSET', SEATS, unpack(fields))
  list = table.concat(taken, ',')
end
for area, quantity in each_area(areas) do redis.call('HINCRBY', GA, 'held:' .. area, quantity) end
local key = event .. ':hold:' .. hold
redis.call('HSET', key, 'e', number(expiry), 'x', number(cap), 'n', 0, 's', list, 'g', areas, 'b', buyer, 'k', network, 'p', payload,
  't', number(now))
redis.call('PEXPIREAT', key, number(cap + 86400000))
redis.call('ZADD', HOLDS, number(expiry), hold)
for _, counter in ipairs(counters(buyer, network)) do
  if counter ~= '' then
    redis.call('HSET', counter, hold, number(expiry) .. ':' .. asked)
    redis.call('PEXPIREAT', counter, number(cap + 86400000))
  end
end
if idempotency ~= '' then
  redis.call('HSET', replay_key, 'f', ARGV[9], 's', list, 'e', number(expiry), 'x', number(cap), 't', number(now), 'p',
    payload, 'h', hold)
  redis.call('EXPIRE', replay_key, 86400)
end
announce(list ~= '' and HELD .. ':' .. list or '', areas_left(areas))
return { 'placed', list, number(expiry), number(cap), number(now), payload, hold }
