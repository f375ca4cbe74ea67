-- Reads what waits in the ledger, so that one mover may take it to the store.
--
-- EVALSHA sha 2 base lines  now_us mover most
--   base       of the ledger's keys, which is no key itself; lines is base .. "lines". Two keys, of
--              which one is never there: while their hash slot moves, a cluster refuses the call.
--   mover      who moves; nobody else may for 5 s after it was heard of.
--   most       lines and totals, decimal.
-- Reply: 0 where another one moves; else the stream's entries and the totals (msgpack of entries).
--
-- base .. "moves" is even while no line or total was read that is not deleted yet, and odd from here
-- until `ledger_moved.lua` has deleted all of them: totals, and lines up to base .. "reading", the
-- last one that was read. Alerts have no part in that. It begins at the time, so that it is another
-- one after everything was lost.
-- Totals that were read are kept as they are at base .. "overread", by their names, with nothing
-- added to them any more, until they are deleted. They are only read where all lines were.

local base, mover, most, call = KEYS[1], ARGV[2], tonumber(ARGV[3]), redis.call
local holder = call("GET", base .. "mover")
if holder and holder ~= mover then return 0 end
call("SET", base .. "mover", mover, "PX", 5000)
local lines, totals, last = call("XRANGE", KEYS[2], "-", "+", "COUNT", most), {}, ""
local over, overread = base .. "over", base .. "overread"
-- At most 200 totals: these are made here, and that takes some milliseconds.
local room = math.min(200, most - #lines) - call("HLEN", overread)
if room > 0 and call("EXISTS", over) == 1 then
  local found = call("HRANDFIELD", over, room, "WITHVALUES")
  for index = 1, #found, 2 do
    local entry = cmsgpack.unpack(cmsgpack.unpack(found[index + 1])[2])
    call("HSET", overread, entry[1], found[index + 1])
    call("HDEL", over, found[index])
  end
end
if #lines < most then
  for index, total in ipairs(call("HVALS", overread)) do
    totals[index] = cmsgpack.unpack(total)[2]
  end
end
for index = #lines, 1, -1 do
  if lines[index][2][1] == "a" then
    last = lines[index][1]
    break
  end
end
local moves, now = call("GET", base .. "moves"), time()
moves = moves and tonumber(moves) or now + now % 2
if (last ~= "" or call("EXISTS", overread) == 1) == (moves % 2 == 0) then
  call("SET", base .. "moves", string.format("%.0f", moves + 1))
end
-- Whoever moved before, and has ended, may have read more than this time.
local before = moves % 2 == 1 and call("GET", base .. "reading") or "0-0"
local ms, number = string.match(last, "(%d+)-(%d+)")
local before_ms, before_number = string.match(before, "(%d+)-(%d+)")
if ms and (ms ~= before_ms and tonumber(ms) > tonumber(before_ms)
  or ms == before_ms and tonumber(number) > tonumber(before_number)) then before = last end
call("SET", base .. "reading", before)
return { lines, totals }
