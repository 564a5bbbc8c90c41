-- Forgets an event: the next script that meets it answers 'forgot', and it is learnt from Postgres.
redis.call('DEL', event .. ':boot')
return { 'forgot' }
