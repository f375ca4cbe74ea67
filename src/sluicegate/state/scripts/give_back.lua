-- Takes back what is left of a block, of each limit of one group, once and before it ends.
--
-- EVALSHA sha 1 key  now_us block expire_ms  spec unspent1 … unspentM
--   All as for lend.lua; unspent is decimal, of each limit in their order.
-- Reply: of how many limits something was taken back.

local key, ticket, spec, now = KEYS[1], ARGV[2], cmsgpack.unpack(ARGV[4]), time()
local stored = redis.call("GET", key)
if not stored then return 0 end
stored = cmsgpack.unpack(stored)
local decide, _, _, take_back = part("leased")
local fresh, life, returned = {}, 0, 0

for place = 1, #spec - 1 do
  local limit, counts = spec[place + 1], search(stored, spec[place + 1][1])
  local kept = counts and take_back(counts, now, tonumber(ARGV[place + 4]), limit, ticket, part)
  if kept then returned = returned + 1 end
  local _, _, reset, _, same = decide(kept or counts, now, 0, limit, part)
  fresh[place] = kept or counts or same
  life = math.max(life, reset, limit[5])
end
if returned > 0 then write(key, spec, stored, fresh, 0, now, life) end
return returned
