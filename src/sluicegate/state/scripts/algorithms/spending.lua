-- Spending. The Python form is journey/limit/algorithms/spending.py.
-- limit: label, "spending", most, period_us (0: calendar months), thresholds ("80,100").
-- counts: start_us, spent, held.

-- The start and the end of the period at `at`.
local function period_at(at, limit, part)
  if limit[4] == 0 then return part("month")(at) end
  local start = at - at % limit[4]
  return start, start + limit[4]
end

local function decide(counts, now, cost, limit, part)
  local most = limit[3]
  if not counts then
    local start, ends = period_at(now, limit, part)
    return 0, 0, ends - now, -2, { start, 0, 0 }
  end
  -- A period later than now means that the clock was set back: that period goes on.
  local start, ends = period_at(counts[1] > now and counts[1] or now, limit, part)
  local spent, held, reset = 0, 0, ends - now
  if counts[1] >= start then spent, held = counts[2], counts[3] end
  local left = most - spent - held
  if cost <= left or cost == 0 then
    return 1, math.max(0, left - cost), reset, 0, { start, spent, held + cost }
  end
  local retry = reset
  if cost > most then
    retry = -1
  elseif spent + cost <= most then
    retry = math.min(1000000, reset)
  end
  return 0, left > 0 and left or 0, reset, retry, counts
end

-- Spends `cost` instead of what was `held` since `admitted`. Returns nothing for another period.
local function settled(counts, admitted, held, cost, limit, part)
  if counts[1] ~= period_at(admitted, limit, part) then return nil end
  return { counts[1], math.min(4503599627370496, counts[2] + cost), math.max(0, counts[3] - held) }
end

-- The thresholds in percent that are reached by `after`, and were not by `before`.
local function crossed(before, after, limit)
  local most, reached = limit[3], {}
  local rest = most % 100
  for percent in string.gmatch(limit[5], "%d+") do
    local part_of_rest = percent * rest
    local least = percent * ((most - rest) / 100) + (part_of_rest + -part_of_rest % 100) / 100
    if before < least and least <= after then reached[#reached + 1] = tonumber(percent) end
  end
  return reached
end

-- The time until which counts are kept: the end of the next period.
local function kept_until(now, limit, part)
  local _, ends = period_at(now, limit, part)
  _, ends = period_at(ends, limit, part)
  return ends
end

return decide, settled, crossed, kept_until
