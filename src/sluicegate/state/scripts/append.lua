-- Writes lines of the ledger that no budget is charged with.
--
-- EVALSHA sha 1 lines  now_us most  cost1 entry1 … costN entryN
--   lines      the stream of lines, which ends in "lines"; see line.lua.
--   most       how many lines may wait; others are added up.
--   cost       nano-USD, "" where nobody knows it.
--   entry      the msgpack of `model.ledger.Entry`.
-- Reply: 1.

local base, most = string.sub(KEYS[1], 1, -6), tonumber(ARGV[2])
local write_line = part("line")
for at = 3, #ARGV, 2 do
  write_line(base, 0, tonumber(ARGV[at]), "", ARGV[at + 1], most, false, part)
end
return 1
