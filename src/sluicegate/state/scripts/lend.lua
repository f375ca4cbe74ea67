-- Lends a block of each limit of one group.
--
-- EVALSHA sha 1 key  now_us block expire_ms  spec want1 … wantM
--   now_us, spec as for take.lua, with limits of the code "leased" alone; expire_ms is not looked at.
--   block      the ticket to give back under.
--   want       decimal, of each limit in their order; 0 lends nothing.
-- Reply: integers, flat, of each limit: granted, ends_us (from now), lent (to all workers, this
--   included), admitted (1, 0), remaining, reset_us, retry_after_us (-1: never).

local key, ticket, spec, now = KEYS[1], ARGV[2], cmsgpack.unpack(ARGV[4]), time()
local stored = redis.call("GET", key)
if stored then stored = cmsgpack.unpack(stored) end
local decide, _, lend = part("leased")
local reply, fresh, life, granted = {}, {}, 0, 0

for place = 1, #spec - 1 do
  local limit, at = spec[place + 1], place * 7 - 6
  local counts = stored and search(stored, limit[1]) or nil
  local kept
  reply[at], reply[at + 1], reply[at + 2], reply[at + 3], reply[at + 4], reply[at + 5], reply[at + 6], kept =
    lend(counts, now, tonumber(ARGV[place + 4]), limit, ticket, part)
  granted, life = granted + reply[at], math.max(life, reply[at + 5], limit[5])
  fresh[place] = kept or counts or select(5, decide(nil, now, 0, limit, part))
end
if granted > 0 then write(key, spec, stored, fresh, 0, now, life) end
return reply
