-- Token bucket. The Python form is journey/limit/algorithms/token_bucket.py.
-- limit: label, "bucket", unit, refill, burst. counts: debt, at_us, unit.

local function decide(counts, now, cost, limit)
  local unit, refill, burst = limit[3], limit[4], limit[5]
  local debt, at = debt_at(counts, now, unit, refill)
  local behind, capacity, retry = at - now, burst * unit, -1
  if cost <= burst then
    local after = debt + cost * unit
    local room = capacity - after
    if room >= 0 then
      local reset = behind + (after + -after % refill) / refill
      return 1, (room - room % unit) / unit, reset, 0, { after, at, unit }
    end
    retry = behind + (-room + room % refill) / refill
  end
  local room = debt < capacity and capacity - debt or 0
  local left = (room - room % unit) / unit
  return 0, left, behind + (debt + -debt % refill) / refill, retry, counts
end

-- Gives back what time has not paid back meanwhile.
local function adjust(counts, now, taken, change, limit)
  local unit, refill = limit[3], limit[4]
  local debt, at = debt_at(counts, now, unit, refill)
  if change > 0 then return { charged(debt, change, unit), at, unit } end
  local back, since = math.min(4503599627370496, -change * unit), math.max(0, at - taken)
  back = since < (back + -back % refill) / refill and back - since * refill or 0
  return { debt > back and debt - back or 0, at, unit }
end

return decide, adjust
