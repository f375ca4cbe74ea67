-- Spends of a budget what a request cost, instead of what was held for it, and tells of thresholds.
--
--   part("bill")(base, key, spec, admitted, held, cost, now, part)
--
--   base       what keys of the ledger begin with; `key` is base .. place .. "\31" .. subject.
--   spec       as take.lua has it, unpacked.
--   admitted   when it was held, in µs: counts of another period stay as they are, as do budgets
--              whose counts are not there.
--   held, cost in nano-USD.
-- An alert is an item of the stream base .. "lines": p place, s subject, l label, t percent, m limit,
-- v spent, w start of the period, a now.
local function bill(base, key, spec, admitted, held, cost, now, part)
  local call, stored = redis.call, redis.call("GET", key)
  if not stored then return end
  stored = cmsgpack.unpack(stored)
  local size, changed = #stored, false
  local others = size % 2 == 1 and stored[size] or {}
  local _, settled, crossed = part("spending")
  for place = 2, #spec do
    local limit, within, found = spec[place], nil, nil
    for index = 1, size - 1, 2 do
      if stored[index] == limit[1] then within, found = stored, index + 1 end
    end
    for index = 1, found and 0 or #others, 3 do
      if others[index] == limit[1] then within, found = others, index + 2 end
    end
    local before = found and within[found]
    local after = before and settled(before, admitted, held, cost, limit, part)
    if after then
      within[found], changed = after, true
      local reached = after[2] > before[2] and crossed(before[2], after[2], limit) or {}
      for index = 1, #reached do
        local from, to = string.find(key, "\31", #base + 1, true)
        call("XADD", base .. "lines", "*", "p", string.sub(key, #base + 1, from - 1),
          "s", string.sub(key, to + 1), "l", limit[1], "t", reached[index],
          "m", string.format("%.0f", limit[3]), "v", string.format("%.0f", after[2]),
          "w", string.format("%.0f", after[1]), "a", string.format("%.0f", now))
      end
    end
  end
  if changed then call("SET", key, cmsgpack.pack(stored), "KEEPTTL") end
end

return bill
