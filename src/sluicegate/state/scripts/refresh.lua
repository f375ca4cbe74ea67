-- Keeps slots and reservations of budgets from expiring. A slot that has expired is held again.
--
-- EVALSHA sha N key1 … keyN [lines]  now_us ticket expire_ms  spec1 ticket1 … specN ticketN
--   now_us, spec, lines as for take.lua, of groups of slots and of budgets alone; one key for each
--   ticket. The ticket before the first spec, and expire_ms, are not looked at.
-- Reply: 1.

local now, held = time(), (#ARGV - 3) / 2
for index = 1, held do
  local spec, ticket = cmsgpack.unpack(ARGV[index * 2 + 2]), ARGV[index * 2 + 3]
  if spec[2][2] == "spending" then
    local base = string.sub(KEYS[held + 1], 1, -6)
    local open = redis.call("HGET", base .. "open", ticket)
    if open then
      open = cmsgpack.unpack(open)
      local due = string.format("%.0f", now + open[#open] * 1000)
      redis.call("ZADD", base .. "due", "XX", due, ticket)
    end
  else
    local _, _, _, hold_slot = part("slots")
    hold_slot(KEYS[index], now, ticket, spec[2][4])
  end
end
return 1
