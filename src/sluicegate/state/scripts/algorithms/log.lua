-- Sliding log. The Python form is journey/limit/algorithms/sliding_log.py.
-- limit: label, "log", most, period_us. counts: time_us, cost, time_us, cost, …, oldest first.

-- What is not older than a period, how long that is, and the sum of its costs.
local function log_at(counts, now, period)
  local length = counts and #counts or 0
  local log, size, sum = {}, 0, 0
  if length > 0 then
    local over = math.max(now, counts[length - 1]) - period
    for index = 1, length, 2 do
      if counts[index] > over then
        log[size + 1], log[size + 2] = counts[index], counts[index + 1]
        size, sum = size + 2, sum + counts[index + 1]
      end
    end
  end
  return log, size, sum
end

-- Adds a request at the end, where a clock set back also puts it. Returns the size.
local function add(log, size, now, cost)
  if size > 0 and log[size - 1] >= now then
    log[size] = log[size] + cost
    return size
  end
  log[size + 1], log[size + 2] = now, cost
  return size + 2
end

local function decide(counts, now, cost, limit)
  local most, period = limit[3], limit[4]
  local log, size, sum = log_at(counts, now, period)
  if sum + cost <= most then
    if cost > 0 then size = add(log, size, now, cost) end
    return 1, most - sum - cost, size > 0 and log[size - 1] + period - now or 0, 0, log
  end
  local retry, needed, index = -1, sum + cost - most, 2
  if cost <= most then
    while needed > log[index] do needed, index = needed - log[index], index + 2 end
    retry = log[index - 1] + period - now
  end
  local left = sum < most and most - sum or 0
  return 0, left, size > 0 and log[size - 1] + period - now or 0, retry, counts
end

-- Gives back to the request of exactly that time. A log as long as its limit grows no longer.
local function adjust(counts, now, taken, change, limit)
  local log, size, sum = log_at(counts, now, limit[4])
  if change > 0 then
    change = math.min(change, 4503599627370496 - sum)
    if size >= 2 * limit[3] then
      change, now = change + log[size], math.max(now, log[size - 1])
      log[size - 1], log[size] = nil, nil
      size = size - 2
    end
    if change > 0 then add(log, size, now, change) end
    return log
  end
  for index = 1, size, 2 do
    if log[index] == taken then
      log[index + 1] = log[index + 1] + change
      if log[index + 1] <= 0 then
        table.remove(log, index)
        table.remove(log, index)
      end
      return log
    end
  end
  return log
end

return decide, adjust
