-- Charges what a request cost in the end instead of what it took, once, and frees its slots.
--
-- EVALSHA sha N key1 … keyN [lines]  now_us ticket expire_ms  spec1 cost1 … specN costN
--   [entry cost most]
--   All as for take.lua, with the keys in the same order; expire_ms is not looked at.
--   cost       what it cost in the end; "0" gives everything back.
--   lines      where budgets were taken from, or a line of the ledger is to be written; with it
--   entry      that line, "" for none,
--   cost       what budgets are charged with and the line says, in nano-USD; "" where nobody knows it.
--              That charges them nothing, and so does no entry: what is spent is always on a line.
--   most       how many lines may wait; others are added up (see line.lua).
-- Reply: 1 where something was settled or freed, 0 where the ticket took nothing or is settled.

local KEYS, ARGV, call, unpack = KEYS, ARGV, redis.call, cmsgpack.unpack
local now, settled, groups = time(), 0, #KEYS
local record, lines
if #ARGV % 2 == 0 then lines, groups = KEYS[groups], groups - 1 end

for group = 1, groups do
  local spec, key = unpack(ARGV[group * 2 + 2]), KEYS[group]
  if spec[2][2] == "slots" then
    if call("ZREM", key, ARGV[2]) == 1 then settled = 1 end
  elseif spec[2][2] ~= "spending" then
    if record == nil then
      record = call("GETDEL", KEYS[1] .. ":t:" .. ARGV[2])
      record = record and unpack(record)
    end
    local taken = record and record[group + 1] or -1
    local change = tonumber(ARGV[group * 2 + 3]) - taken
    if taken >= 0 then settled = 1 end
    if taken >= 0 and change ~= 0 then
      local stored = call("GET", key)
      local counts, life = {}, 0
      if stored then stored = unpack(stored) end
      for place = 1, #spec - 1 do
        local limit = spec[place + 1]
        local decide, adjust = part(limit[2])
        local before = stored and search(stored, limit[1])
        counts[place] = adjust(before, now, record[1], change, limit, part)
        local _, _, reset = decide(counts[place], now, 0, limit, part)
        if reset > life then life = reset end
      end
      if spec[2][2] == "leased" and spec[2][5] > life then life = spec[2][5] end
      write(key, spec, stored, counts, 0, now, life)
    end
  end
end
if lines and part("settled")(KEYS, ARGV, groups, now, part) then settled = 1 end
return settled
