-- Says what waits in the ledger, a page of it, and leaves it.
--
-- EVALSHA sha 2 base lines  now_us after most
--   base, lines as for ledger_read.lua.
--   after      the last line of the page before, "-" at first.
--   most       decimal.
-- Reply: the stream's entries behind it, at most so many.

local from = ARGV[2] == "-" and "-" or "(" .. ARGV[2]
return redis.call("XRANGE", KEYS[2], from, "+", "COUNT", ARGV[3])
