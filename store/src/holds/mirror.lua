-- Repeats in Redis what Postgres has committed. Every change can be repeated: seats are set to a state or compared
-- before they are freed, areas carry the number taken with a version. ARGV: JSON array of changes, oldest first:
--   {k='claimed'|'sold', o=order, h=hold, s=[seats], g=[[area, taken]], v=version}
--   {k='released', o=order, s=…, g=…, v=…}   {k='blocked'|'unblocked', s=…}   {k='offer'}
--   {k='map', g=[[area, capacity]], one=[areas for one party], v=version} the event sells a newer version of its map: more places, the same indexes
-- Answers: {'forgot'} | {'mirrored'}
if not known() then return { 'forgot' } end

-- A change that waited while Redis stood still may come after later ones of its order, from the repetition of its batch. Of an
-- order whose places have come free once, the newest change is kept for longer than anything waits.
local function is_overtaken(order, version, frees)
  local key = event .. ':order:' .. order
  local newest = tonumber(redis.call('GET', key) or 0)
  if newest > version then return true end
  if frees or newest > 0 then redis.call('SET', key, number(version), 'EX', 3600) end
  return false
end

-- The same of a claim that comes after the sale of its order.
local function is_sold(order, seats)
  for _, seat in ipairs(seats) do
    if redis.call('HGET', SEATS, number(seat)) == 's:' .. order then return true end
  end
  return false
end

-- Longer than an order may be open.
local OPEN_MS = 86400000

-- The hold of a buyer or visitor became an order. Until that is paid or has ended, its places count as those of a hold do: or else
-- one visitor with invented names could keep all places, and pay none.
local function becomes_order(hold, order)
  local record, counts = redis.call('HMGET', event .. ':hold:' .. hold, 'b', 'k'), {}
  for _, counter in ipairs(counters(record[1], record[2])) do
    if counter ~= '' then counts[counter] = string.match(redis.call('HGET', counter, hold) or '', ':(%d+)$') end
  end
  local seats = drop_hold(hold)
  for counter, count in pairs(counts) do
    redis.call('HSET', counter, order, number(now + OPEN_MS) .. ':' .. count)
    redis.call('PEXPIRE', counter, 2 * OPEN_MS)
    local key = event .. ':open:' .. order
    redis.call('SADD', key, counter)
    redis.call('PEXPIRE', key, OPEN_MS)
  end
  return seats
end

local function is_no_longer_open(order)
  local key = event .. ':open:' .. order
  for _, counter in ipairs(redis.call('SMEMBERS', key)) do redis.call('HDEL', counter, order) end
  redis.call('DEL', key)
end

for _, change in ipairs(cjson.decode(ARGV[1])) do
  local kind, seats, status, areas = change.k, change.s or {}, nil, {}
  if change.o and is_overtaken(change.o, change.v, kind == 'released') then
    -- Its areas have versions of their own, and its hold is gone.
  elseif kind == 'claimed' and is_sold(change.o, seats) then
    -- As above.
  elseif kind == 'claimed' or kind == 'sold' then
    local value = (kind == 'sold' and 's:' or 'c:') .. change.o
    for _, seat in ipairs(seats) do redis.call('HSET', SEATS, number(seat), value) end
    if change.h then becomes_order(change.h, change.o) end
    if kind == 'sold' then is_no_longer_open(change.o) end
    status = kind == 'sold' and SOLD or HELD
  elseif kind == 'released' then
    local freed = {}
    for _, seat in ipairs(seats) do
      local value = redis.call('HGET', SEATS, number(seat))
      if value == 'c:' .. change.o or value == 's:' .. change.o then
        redis.call('HDEL', SEATS, number(seat))
        freed[#freed + 1] = seat
      end
    end
    seats, status = freed, FREE
    is_no_longer_open(change.o)
    if change.h then
      for _, seat in ipairs(drop_hold(change.h)) do seats[#seats + 1] = tonumber(seat) end
    end
  elseif kind == 'blocked' then
    for _, seat in ipairs(seats) do redis.call('HSET', SEATS, number(seat), 'b') end
    status = BLOCKED
  elseif kind == 'unblocked' then
    for _, seat in ipairs(seats) do
      if redis.call('HGET', SEATS, number(seat)) == 'b' then redis.call('HDEL', SEATS, number(seat)) end
    end
    status = FREE
  elseif kind == 'offer' then
    redis.call('XADD', LOG, 'MAXLEN', '~', LOG_LENGTH, '*', 'k', 'offer')
  elseif kind == 'map' then
    for _, pair in ipairs(change.g or {}) do
      redis.call('HSET', GA, 'cap:' .. number(pair[1]), number(pair[2]), 'one:' .. number(pair[1]), '0')
    end
    for _, area in ipairs(change.one or {}) do redis.call('HSET', GA, 'one:' .. number(area), '1') end
    change.g = nil
    redis.call('HSET', GA, 'map', number(change.v))
    redis.call('XADD', LOG, 'MAXLEN', '~', LOG_LENGTH, '*', 'k', 'map')
  end
  for _, pair in ipairs(change.g or {}) do
    local area = number(pair[1])
    if tonumber(redis.call('HGET', GA, 'version:' .. area) or 0) < change.v then
      redis.call('HSET', GA, 'taken:' .. area, number(pair[2]), 'version:' .. area, number(change.v))
    end
    areas[#areas + 1] = area .. ':0'
  end
  if status and (#seats > 0 or #areas > 0) then
    local names = {}
    for i, seat in ipairs(seats) do names[i] = number(seat) end
    announce(#names > 0 and status .. ':' .. table.concat(names, ',') or '', areas_left(table.concat(areas, ',')))
  end
end
return { 'mirrored' }
