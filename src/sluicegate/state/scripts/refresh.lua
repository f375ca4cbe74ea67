-- Keeps slots from expiring. One that has expired is held again.
--
-- EVALSHA sha N key1 … keyN  now_us ticket expire_ms  spec1 ticket1 … specN ticketN
--   now_us, spec as for take.lua, of groups of slots alone; one key for each ticket. The ticket
--   before the first spec, and expire_ms, are not looked at.
-- Reply: 1.

local now = time()
local _, _, _, hold_slot = part("slots")
for index = 1, #KEYS do
  local spec = cmsgpack.unpack(ARGV[index * 2 + 2])
  hold_slot(KEYS[index], now, ARGV[index * 2 + 3], spec[2][4])
end
return 1
