-- Deletes what the store has now.
--
-- EVALSHA sha 2 base lines  now_us mover n id1 … idN total1 … totalM
--   base, lines, mover as for ledger_read.lua.
--   id, total  of lines and alerts, n of them, and the names of the totals.
-- Reply: 1, or 0 where the mover is not the one who moves (any more): then nothing is deleted.

local base, mover, count, call = KEYS[1], ARGV[2], tonumber(ARGV[3]), redis.call
if call("GET", base .. "mover") ~= mover then return 0 end
call("SET", base .. "mover", mover, "PX", 5000)
-- Lua's stack takes a few thousand values at once.
for first = 4, count + 3, 500 do
  call("XDEL", KEYS[2], unpack(ARGV, first, math.min(first + 499, count + 3)))
end
for first = count + 4, #ARGV, 500 do
  call("HDEL", base .. "overread", unpack(ARGV, first, math.min(first + 499, #ARGV)))
end
local moves = call("GET", base .. "moves")
if not moves or tonumber(moves) % 2 == 0 or call("EXISTS", base .. "overread") == 1 then return 1 end
-- The store may have what was read before, and not told here by who has ended since.
for _, item in ipairs(call("XRANGE", KEYS[2], "-", call("GET", base .. "reading"))) do
  if item[2][1] == "a" then return 1 end
end
call("INCR", base .. "moves")
return 1
