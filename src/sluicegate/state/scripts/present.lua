-- Says that a worker is alive, and who is: all that said so in the last 5 s of the server's time.
--
-- EVALSHA sha 1 key  now_us worker
--   key        a sorted set of workers by the µs at which they were seen.
-- Reply: how many workers are alive, and the place of this one among them (from 0), in the order of
--   their names, which all see alike.

local key, worker, now = KEYS[1], ARGV[2], time()
redis.call("ZREMRANGEBYSCORE", key, "-inf", now - 5000000)
redis.call("ZADD", key, now, worker)
redis.call("PEXPIRE", key, 5000)
local workers, place = redis.call("ZRANGE", key, 0, -1), 0
for index = 1, #workers do
  if workers[index] < worker then place = place + 1 end
end
return { #workers, place }
