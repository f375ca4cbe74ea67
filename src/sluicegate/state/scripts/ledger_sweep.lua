-- Charges what was reserved by those who are not heard of any more.
--
-- EVALSHA sha 2 base lines  now_us count most
--   base, lines as for ledger_read.lua.
--   count      at most so many reservations, decimal.
--   most       how many lines may wait; others are added up.
-- Reply: how many were charged.
--
-- All budgets of a reservation are charged the same, which is what its line costs: the most that was
-- reserved of one of them. That it was swept is known for a day: nothing is settled after that.

local KEYS, ARGV, call, unpack = KEYS, ARGV, redis.call, cmsgpack.unpack
local base, most, now, swept = KEYS[1], tonumber(ARGV[3]), time(), 0
local due, open = base .. "due", base .. "open"
local tickets = call("ZRANGEBYSCORE", due, "-inf", string.format("%.0f", now), "LIMIT", 0, ARGV[2])

for _, ticket in ipairs(tickets) do
  local record = call("HGET", open, ticket)
  call("HDEL", open, ticket)
  call("ZREM", due, ticket)
  if record then
    record = unpack(record)
    local cost, billed, budgets = 0, {}, {}
    for place = 5, #record, 3 do cost = math.max(cost, record[place]) end
    for place = 5, #record, 3 do
      local key, spec, held = record[place - 2], unpack(record[place - 1]), record[place]
      local spent = billed[key] and 0 or cost
      part("bill")(base, key, spec, record[1], math.max(0, held), spent, now, part)
      if not billed[key] then budgets[#budgets + 1] = string.sub(key, #base + 1) end
      billed[key] = true
    end
    if record[2] ~= "" then
      part("line")(base, record[1], cost, table.concat(budgets, "\n"), record[2], most, true, part)
    end
    call("SET", base .. "d:" .. ticket, "2", "PX", 86400000)
    swept = swept + 1
  end
end
return swept
