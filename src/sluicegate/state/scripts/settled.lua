-- The part of settle.lua that is the ledger's: budgets, and the line that goes with them.
--
--   part("settled")(KEYS, ARGV, groups, now, part)   returns whether anything was settled.
--
-- What was held of budgets is a field of the hash base .. "open", see take.lua. Where it is gone,
-- base .. "d:" .. ticket tells why: "1" settled (for 60 s), "2" swept (for a day). With neither, the
-- server has lost it (another one took its place): then the entry says when it was admitted.
local function settle_spent(KEYS, ARGV, groups, now, part)
  local call, unpack, base = redis.call, cmsgpack.unpack, string.sub(KEYS[groups + 1], 1, -6)
  local ticket, entry, cost = ARGV[2], ARGV[groups * 2 + 4], tonumber(ARGV[groups * 2 + 5])
  local done, record, admitted = base .. "d:" .. ticket, call("HGET", base .. "open", ticket), 0
  if record then
    record = unpack(record)
    admitted = record[1]
    call("HDEL", base .. "open", ticket)
    call("ZREM", base .. "due", ticket)
  elseif entry == "" or call("EXISTS", done) == 1 then
    return false
  end
  local billed, budgets = {}, {}
  for group = 1, groups do
    local spec, key = unpack(ARGV[group * 2 + 2]), KEYS[group]
    if spec[2][2] == "spending" then
      if admitted == 0 then admitted = unpack(entry)[2] or 0 end
      -- Budgets that were let through while their counts were not there have held nothing.
      local held = 0
      for place = 3, record and #record - 1 or 0, 3 do
        if record[place] == key then
          held, record[place] = math.max(0, record[place + 2]), false
          break
        end
      end
      -- Two policies may have one budget in common: both have held of it, and it is spent once.
      local amount = entry ~= "" and not billed[key] and cost or 0
      part("bill")(base, key, spec, admitted, held, amount, now, part)
      if not billed[key] then budgets[#budgets + 1] = string.sub(key, #base + 1) end
      billed[key] = true
    end
  end
  if entry ~= "" then
    local most = tonumber(ARGV[groups * 2 + 6])
    part("line")(base, admitted, cost, table.concat(budgets, "\n"), entry, most, false, part)
    call("SET", done, "1", "PX", 60000)
  end
  return true
end

return settle_spent
