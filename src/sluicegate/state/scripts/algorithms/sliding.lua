-- Sliding window counter. The Python form is journey/limit/algorithms/sliding_window.py.
-- limit: label, "sliding", most, period_us, ticks. counts: start_us, used, used_before.

-- The start of the window at `now`, what is used of it, and of the one before.
local function windows_at(counts, now, period, ticks)
  local start = now - now % period
  if not counts or counts[1] < start - period then return start, 0, 0 end
  local stored, used, before, top = counts[1], counts[2], counts[3], 4503599627370496 / ticks
  if used > top then used = top end
  if before > top then before = top end
  -- A window later than now means that the clock was set back: that window goes on.
  if stored >= start then return stored, used, before end
  return start, 0, used
end

-- How long before the end of its window at most `room` of `before` are in sight, in µs.
local function before_end(room, before, period, ticks)
  local seen = room * ticks
  seen = (seen - seen % before) / before * period
  return (seen - seen % ticks) / ticks
end

local function decide(counts, now, cost, limit)
  local most, period, ticks = limit[3], limit[4], limit[5]
  local start, used, before = windows_at(counts, now, period, ticks)
  local ends, seen = start + period - now, 0
  if before > 0 then
    seen = (ends < period and ends or period) * ticks
    seen = (seen + -seen % period) / period * before
    seen = (seen + -seen % ticks) / ticks
  end
  local left = most - used - seen
  if cost <= left then
    used = used + cost
    local reset = used > 0 and ends + period or before > 0 and ends or 0
    return 1, left - cost, reset, 0, { start, used, before }
  end
  local reset, retry = used > 0 and ends + period or before > 0 and ends or 0, -1
  if cost <= most then
    if most - used >= cost then
      retry = ends - before_end(most - used - cost, before, period, ticks)
    else
      retry = ends + period - before_end(most - cost, used, period, ticks)
    end
  end
  return 0, left > 0 and left or 0, reset, retry, counts
end

-- Gives back to the window that it was taken in, as long as that is in sight.
local function adjust(counts, now, taken, change, limit)
  local period, ticks = limit[4], limit[5]
  local start, used, before = windows_at(counts, now, period, ticks)
  if change > 0 then
    used = math.min(4503599627370496 / ticks, used + change)
  elseif taken >= start then
    used = math.max(0, used + change)
  elseif taken >= start - period then
    before = math.max(0, before + change)
  end
  return { start, used, before }
end

return decide, adjust
