-- Says for how much longer marks live.
--
-- EVALSHA sha 1 key  now_us name…
--   key        as in mark.lua.
-- Reply: the milliseconds of each, rounded up; 0 for a name that is not marked.

local key, now = KEYS[1], time()
local lives = {}
for index = 2, #ARGV do
  local ends = redis.call("ZSCORE", key, ARGV[index])
  local left = ends and tonumber(ends) - now or 0
  lives[index - 1] = left > 0 and (left + -left % 1000) / 1000 or 0
end
return lives
