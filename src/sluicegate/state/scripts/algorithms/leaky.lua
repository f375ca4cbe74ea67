-- Leaky bucket. The Python form is journey/limit/algorithms/leaky_bucket.py.
-- limit: label, "leaky", unit, refill, max_delay_us. counts: debt, at_us, unit.

local function decide(counts, now, cost, limit)
  local unit, refill = limit[3], limit[4]
  local debt, at = debt_at(counts, now, unit, refill)
  local behind, capacity, retry = at - now, unit + limit[5] * refill, -1
  if cost <= (capacity - capacity % unit) / unit then
    local after = debt + cost * unit
    local room = capacity - after
    if room >= 0 then
      local delay = cost > 0 and (debt + -debt % refill) / refill or 0
      local reset = behind + (after + -after % refill) / refill
      return 1, (room - room % unit) / unit, reset, delay, { after, at, unit }
    end
    retry = behind + (-room + room % refill) / refill
  end
  local room = debt < capacity and capacity - debt or 0
  local left = (room - room % unit) / unit
  return 0, left, behind + (debt + -debt % refill) / refill, retry, counts
end

-- Gives nothing back: others have their turns behind it already.
local function adjust(counts, now, taken, change, limit)
  local unit = limit[3]
  local debt, at = debt_at(counts, now, unit, limit[4])
  if change > 0 then debt = charged(debt, change, unit) end
  return { debt, at, unit }
end

return decide, adjust
