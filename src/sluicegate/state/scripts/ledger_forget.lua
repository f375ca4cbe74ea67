-- Drops the counts of budgets at some places, a page of them.
--
-- EVALSHA sha 2 base lines  now_us cursor place1 … placeN
--   base, lines as for ledger_read.lua.
--   cursor     "0" at first, then that of the page before.
--   place      of the counts: what stands before the subject.
-- Reply: the next cursor ("0": that was all). Counts that begin meanwhile may stay.

local base, call, places = KEYS[1], redis.call, {}
for place = 3, #ARGV do places[ARGV[place]] = true end
local page = call("SSCAN", base .. "budgets", ARGV[2], "COUNT", 500)
for _, budget in ipairs(page[2]) do
  local from = string.find(budget, "\31", 1, true)
  if from and places[string.sub(budget, 1, from - 1)] then
    call("DEL", base .. budget)
    call("SREM", base .. "budgets", budget)
  end
end
return page[1]
