-- The state of all places at one moment. Answers: {'forgot'} | {'state', boot, last stream id, now, seats (flat), ga (flat)}
if not known() then return { 'forgot' } end
local last = redis.call('XREVRANGE', LOG, '+', '-', 'COUNT', 1)
return { 'state', redis.call('GET', event .. ':boot'), last[1] and last[1][1] or '0-0', number(now),
  redis.call('HGETALL', SEATS), redis.call('HGETALL', GA) }
