-- Regional window. The Python form is journey/limit/algorithms/regional_window.py.
-- limit: label, "regional", total, period_us, cap.
-- counts: start_us, taken, returned, then of each epoch of another region: region, epoch, taken,
-- returned.

-- The counts of the window at `now`, as a table that may be changed.
local function window_at(counts, now, period)
  local start, window = now - now % period, nil
  if not counts or counts[1] < start then return { start, 0, 0 } end
  window = {}
  for index = 1, #counts do window[index] = counts[index] end
  return window
end

local function decide(counts, now, cost, limit)
  local most, period, cap, elsewhere = limit[3], limit[4], limit[5], 0
  local window = window_at(counts, now, period)
  local used, reset = window[2] - window[3], window[1] + period - now
  for index = 6, #window, 4 do
    elsewhere = math.min(4503599627370496, elsewhere + math.max(0, window[index] - window[index + 1]))
  end
  local left = math.min(cap - used, most - used - elsewhere)
  if cost > left then
    return 0, left > 0 and left or 0, reset, cost > cap and -1 or reset, counts
  end
  window[2] = math.min(4503599627370496, window[2] + cost)
  return 1, left - cost, reset, 0, window
end

-- Gives back only to the window that it was taken in.
local function adjust(counts, now, taken, change, limit)
  local window = window_at(counts, now, limit[4])
  if change > 0 then
    window[2] = math.min(4503599627370496, window[2] + change)
  elseif taken >= window[1] then
    window[3] = window[3] + math.min(-change, window[2] - window[3])
  end
  return window
end

-- Notes what another region says of its window of `start`: the greatest of each is true.
local function merge(counts, now, start, region, epoch, taken, returned, limit)
  local window = window_at(counts, now, limit[4])
  if start ~= window[1] then return window end
  taken, returned = math.min(taken, 4503599627370496), math.min(returned, 4503599627370496)
  for index = 4, #window, 4 do
    if window[index] == region and window[index + 1] == epoch then
      window[index + 2] = math.max(window[index + 2], taken)
      window[index + 3] = math.max(window[index + 3], returned)
      return window
    end
  end
  local size = #window
  window[size + 1], window[size + 2], window[size + 3], window[size + 4] =
    region, epoch, taken, returned
  return window
end

return decide, adjust, merge, window_at
