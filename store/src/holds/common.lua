-- Shared by every script of the hold engine. KEYS[1] is the event's hash tag, `{<event>}`: all keys of an event live in
-- one slot. Time is Redis's own, in milliseconds.
--
--   {E}:boot    present while Redis knows the event; gone when it forgot
--   {E}:seats   hash: seat index -> 's:<order>' sold | 'c:<order>' claimed | 'b' blocked | '<expiry ms>:<hold>' held
--   {E}:ga      hash: cap:<area>, taken:<area> (claims and sales), held:<area>, version:<area>,
--               one:<area> '1' for one party at a time; map once the event has moved: the version that it sells
--   {E}:hold:H  hash: e expiry, x absolute cap, n extensions, s seats, g areas, b buyer, k network, o order, p payload, i prior expiry
--   {E}:holds   sorted set: hold -> expiry; what the sweeper reads
--   {E}:buyer:B, {E}:network:N
--               hash: hold or unpaid order -> '<expiry ms>:<places>'. A buyer's name is any text of the caller: the two never share a key
--   {E}:open:O  set: the keys above in which an unpaid order counts
--   {E}:order:O newest change of an order whose places came free, for an hour
--   {E}:log     stream of changes: c '<status>:<seats>;…', g '<area>:<left>;…', k 'offer' when prices or seats changed
local event = KEYS[1]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local SEATS, HOLDS, GA, LOG = event .. ':seats', event .. ':holds', event .. ':ga', event .. ':log'
local FREE, HELD, SOLD, BLOCKED = '0', '1', '2', '3'
-- Enough for minutes of a busy sale; who falls behind further takes a snapshot.
local LOG_LENGTH = 20000

local function known() return redis.call('EXISTS', event .. ':boot') == 1 end

local function number(n) return string.format('%.0f', n) end

-- A seat's value leaves it free when there is none, or when it is a hold that has expired.
local function is_free(value)
  if not value then return true end
  local expiry = tonumber(string.match(value, '^(%d+):'))
  return expiry ~= nil and expiry <= now
end

-- Seats of a hold that somebody else has by now: it was blocked, or Redis lost a part of its memory and gave it away.
local function lost_seats(hold, seats)
  local lost = {}
  for seat in string.gmatch(seats or '', '[^,]+') do
    local value = redis.call('HGET', SEATS, seat)
    if not is_free(value) and string.match(value, '^%d+:(%x+)$') ~= hold then lost[#lost + 1] = seat end
  end
  return lost
end

local function each(list)
  return string.gmatch(list or '', '[^,]+')
end

-- '<area>:<quantity>,…' -> iterator of area, quantity
local function each_area(list)
  return string.gmatch(list or '', '(%d+):(%d+)')
end

local function area_left(area)
  local v = redis.call('HMGET', GA, 'cap:' .. area, 'taken:' .. area, 'held:' .. area, 'one:' .. area)
  local used = tonumber(v[2] or 0) + tonumber(v[3] or 0)
  if v[4] == '1' and used > 0 then return 0 end
  return tonumber(v[1] or 0) - used
end

local function areas_left(list)
  local parts = {}
  for area in each_area(list) do parts[#parts + 1] = area .. ':' .. number(math.max(area_left(area), 0)) end
  return table.concat(parts, ';')
end

-- Tells everybody who follows the event. `changes` is '<status>:<seat>,<seat>;…'. Returns the stream's id.
local function announce(changes, areas)
  return redis.call('XADD', LOG, 'MAXLEN', '~', LOG_LENGTH, '*', 'c', changes, 'g', areas)
end

-- The keys that count the places of a buyer and of a network; '' for one that has no name.
local function counters(buyer, network)
  local function key(kind, name) return name and name ~= '' and event .. kind .. name or '' end
  return { key(':buyer:', buyer), key(':network:', network) }
end

-- Removes a hold and frees what is still its own. Returns the freed seats and the areas, as lists.
local function drop_hold(hold)
  local key = event .. ':hold:' .. hold
  local record = redis.call('HMGET', key, 's', 'g', 'b', 'k')
  local freed = {}
  for seat in each(record[1]) do
    local value = redis.call('HGET', SEATS, seat)
    if value and string.match(value, '^%d+:(%x+)$') == hold then
      redis.call('HDEL', SEATS, seat)
      freed[#freed + 1] = seat
    end
  end
  for area, quantity in each_area(record[2]) do redis.call('HINCRBY', GA, 'held:' .. area, -quantity) end
  for _, counter in ipairs(counters(record[3], record[4])) do
    if counter ~= '' then redis.call('HDEL', counter, hold) end
  end
  redis.call('ZREM', HOLDS, hold)
  redis.call('DEL', key)
  return freed, record[2] or ''
end

-- Drops holds that have expired, at most `limit`. Returns how many, the freed seats and the areas.
local function drop_expired(limit)
  local expired = redis.call('ZRANGEBYSCORE', HOLDS, '-inf', number(now), 'LIMIT', 0, limit)
  local freed, areas = {}, {}
  for _, hold in ipairs(expired) do
    local seats, list = drop_hold(hold)
    for _, seat in ipairs(seats) do freed[#freed + 1] = seat end
    if list ~= '' then areas[#areas + 1] = list end
  end
  return #expired, freed, table.concat(areas, ',')
end
