-- Leaves marks, which end by themselves in the server's time.
--
-- EVALSHA sha 1 key  now_us (name life_ms)…
--   key        a sorted set of names by the µs at which each mark ends.
-- Reply: 1. A mark that is there and ends later stays as it is.

local key, now = KEYS[1], time()
redis.call("ZREMRANGEBYSCORE", key, "-inf", now)
for index = 2, #ARGV, 2 do
  local ends = now + tonumber(ARGV[index + 1]) * 1000
  local before = redis.call("ZSCORE", key, ARGV[index])
  if ends > now and (not before or tonumber(before) < ends) then
    redis.call("ZADD", key, string.format("%.0f", ends), ARGV[index])
  end
end
local last = redis.call("ZRANGE", key, -1, -1, "WITHSCORES")
if last[2] then
  local life = tonumber(last[2]) - now
  redis.call("PEXPIRE", key, (life + -life % 1000) / 1000)
end
return 1
