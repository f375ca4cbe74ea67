-- Fixed window. The Python form is journey/limit/algorithms/fixed_window.py.
-- limit: label, "fixed", most, period_us. counts: start_us, used.

local function decide(counts, now, cost, limit)
  local most, period = limit[3], limit[4]
  local start, used = now - now % period, 0
  -- A window later than now means that the clock was set back: that window goes on.
  if counts and counts[1] >= start then start, used = counts[1], counts[2] end
  local reset = start + period - now
  if used + cost <= most then return 1, most - used - cost, reset, 0, { start, used + cost } end
  return 0, used < most and most - used or 0, reset, cost > most and -1 or reset, counts
end

-- Gives back only to the window that it was taken in.
local function adjust(counts, now, taken, change, limit)
  local start, used = now - now % limit[4], 0
  if counts and counts[1] >= start then start, used = counts[1], counts[2] end
  if change > 0 or taken >= start then used = used + change end
  return { start, math.max(0, math.min(4503599627370496, used)) }
end

return decide, adjust
