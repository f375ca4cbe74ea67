-- Says how much waits, and how often lines were moved.
--
-- EVALSHA sha 2 base lines  now_us
--   base, lines as for ledger_read.lua.
-- Reply: lines that wait, exchanges that were only added up since ever, the version (see
--   ledger_read.lua), which begins here where nothing was moved yet.

local base, moves = KEYS[1], redis.call("GET", KEYS[1] .. "moves")
if not moves then
  local now = time()
  moves = string.format("%.0f", now + now % 2)
  redis.call("SET", base .. "moves", moves)
end
local overs = redis.call("GET", base .. "overs") or 0
return { redis.call("XLEN", KEYS[2]), tonumber(overs), tonumber(moves) }
