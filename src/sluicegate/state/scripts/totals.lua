-- Says what to tell other regions of the limits of one group.
--
-- EVALSHA sha 1 key  now_us epoch expire_ms  spec
--   now_us, spec as for take.lua, with limits of the code "regional" alone; expire_ms is not looked
--   at.
--   epoch      a new random text: that of these counts from now on, where they have none yet.
-- Reply: the epoch, then of each limit: start_us, taken, returned.
--
-- The epoch is at key .. ":e", for two periods after it was asked for last: it goes when the counts
-- are flushed, so that those that begin anew are told from those that were lost.

local key, spec, now = KEYS[1], cmsgpack.unpack(ARGV[4]), time()
local stored, epoch, life = redis.call("GET", key), redis.call("GET", key .. ":e") or ARGV[2], 0
if stored then stored = cmsgpack.unpack(stored) end
local _, _, _, window_at = part("regional")
local reply = { epoch }

for place = 1, #spec - 1 do
  local limit, at = spec[place + 1], place * 3 - 1
  local counts = stored and search(stored, limit[1])
  local window = window_at(counts, now, limit[4])
  reply[at], reply[at + 1], reply[at + 2] = window[1], window[2], window[3]
  life = math.max(life, limit[4] / 500)
end
redis.call("SET", key .. ":e", epoch, "PX", math.ceil(life))
return reply
