-- Generic cell rate algorithm. One key holds the theoretical arrival time in microseconds.
-- KEYS[1] the limit's key; ARGV: interval between two requests (us), burst (requests), requests asked for.
-- Grants up to the number asked for. Returns {granted, remaining, microseconds until one more is allowed}.
local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local interval, burst, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local tat = math.max(tonumber(redis.call('GET', KEYS[1]) or now), now)
local room = math.floor((now + interval * burst - tat) / interval)
local granted = math.min(asked, math.max(room, 0))
if granted > 0 then
  tat = tat + granted * interval
  redis.call('SET', KEYS[1], string.format('%.0f', tat), 'PX', math.ceil((tat - now) / 1000) + 1)
end
local wait = 0
if room - granted < 1 then wait = math.max(tat + interval - now - interval * burst, 0) end
return { granted, math.max(room - granted, 0), wait }
