-- Says the counts of budgets, a page of them.
--
-- EVALSHA sha 2 base lines  now_us cursor
--   base, lines as for ledger_read.lua.
--   cursor     decimal: "0" at first, then that of the page before.
-- Reply: the next cursor ("0": that was all), then budget, counts, budget, counts, …
--   budget     `place\x1fsubject`; counts: the value at its key (see values.lua).
--
-- base .. "budgets" is the set of budgets whose counts were begun. Those whose counts have ended are
-- taken out of it here and by `ledger_seed.lua`. A budget may be in two pages.

local base, call = KEYS[1], redis.call
local page = call("SSCAN", base .. "budgets", ARGV[2], "COUNT", 500)
local reply = { page[1] }
for _, budget in ipairs(page[2]) do
  local counts = call("GET", base .. budget)
  if counts then
    reply[#reply + 1], reply[#reply + 2] = budget, counts
  else
    call("SREM", base .. "budgets", budget)
  end
end
return reply
