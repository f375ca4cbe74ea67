-- Says which totals wait in the ledger, a page of them, and leaves them.
--
-- EVALSHA sha 2 base lines  now_us name cursor
--   base, lines as for ledger_read.lua.
--   name       "overread" or "over": those that were read, or those that were not.
--   cursor     decimal: "0" at first, then that of the page before.
-- Reply: the next cursor ("0": that was all), then of each total: msgpack of its entry, and the
--   budgets that it was charged to. A total may be in two pages.

local page = redis.call("HSCAN", KEYS[1] .. ARGV[2], ARGV[3], "COUNT", 500)
local reply = { page[1] }
for index = 2, #page[2], 2 do
  local total = cmsgpack.unpack(page[2][index])
  reply[index], reply[index + 1] = total[2], total[1]
end
return reply
