-- Fixed window. The Python form is journey/limit/algorithms/fixed_window.py.
-- limit: label, "fixed", most, period_us (0: calendar months). counts: start_us, used.

-- The start and the end of the window at `now`, and what is used of it.
local function window_at(counts, now, period, part)
  local start, used = nil, 0
  if period == 0 then start = part("month")(now) else start = now - now % period end
  -- A window later than now means that the clock was set back: that window goes on.
  if counts and counts[1] >= start then start, used = counts[1], counts[2] end
  if period > 0 then return start, start + period, used end
  local _, ends = part("month")(start)
  return start, ends, used
end

local function decide(counts, now, cost, limit, part)
  local most = limit[3]
  local start, ends, used = window_at(counts, now, limit[4], part)
  local reset = ends - now
  if used + cost <= most then return 1, most - used - cost, reset, 0, { start, used + cost } end
  return 0, used < most and most - used or 0, reset, cost > most and -1 or reset, counts
end

-- Gives back only to the window that it was taken in.
local function adjust(counts, now, taken, change, limit, part)
  local start, _, used = window_at(counts, now, limit[4], part)
  if change > 0 or taken >= start then used = used + change end
  return { start, math.max(0, math.min(4503599627370496, used)) }
end

return decide, adjust
