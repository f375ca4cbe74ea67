-- Notes what another region says of each limit of one group.
--
-- EVALSHA sha 1 key  now_us "" expire_ms  spec region epoch  start1 taken1 returned1 … returnedM
--   now_us, spec as for take.lua, with limits of the code "regional" alone; expire_ms is not looked
--   at.
--   start      of the window, in µs; it, taken and returned are decimal, of each limit in order.
-- Reply: 1, or 0 where the epoch is that of these counts (see totals.lua): our own word.

local key, spec, now, region, epoch = KEYS[1], cmsgpack.unpack(ARGV[4]), time(), ARGV[5], ARGV[6]
if redis.call("GET", key .. ":e") == epoch then return 0 end
local stored = redis.call("GET", key)
if stored then stored = cmsgpack.unpack(stored) end
local decide, _, merge = part("regional")
local fresh, life = {}, 0

for place = 1, #spec - 1 do
  local limit, at = spec[place + 1], place * 3 + 4
  local start, taken, returned = tonumber(ARGV[at]), tonumber(ARGV[at + 1]), tonumber(ARGV[at + 2])
  local counts = stored and search(stored, limit[1]) or nil
  fresh[place] = merge(counts, now, start, region, epoch, taken, returned, limit)
  local _, _, reset = decide(fresh[place], now, 0, limit)
  life = math.max(life, reset)
end
write(key, spec, stored, fresh, 0, now, life)
return 1
