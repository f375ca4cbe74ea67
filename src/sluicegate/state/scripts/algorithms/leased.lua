-- Leased in blocks. The Python form is journey/limit/algorithms/leased.py.
-- limit: label, "leased", code, cap, life_us, and the numbers of the inner algorithm of that code.
-- counts: those of the inner algorithm, then of each block: ticket, end_us, units, worth.

local function inner_of(limit)
  return { limit[1], limit[3], limit[6], limit[7], limit[8] }
end

-- Parts counts into those of the inner algorithm and a list of blocks that have not ended; says
-- how many units these have, and when the first of them ends (0: there is none).
local function parted(counts, now, limit)
  if not counts then return nil, {}, 0, 0 end
  local bucket, unit, kept = limit[3] == "bucket", limit[6], limit[3] == "fixed" and 2 or 3
  local own, blocks, size, lent, first, worths = {}, {}, 0, 0, 0, 0
  for index = 1, kept do own[index] = counts[index] end
  for index = kept + 1, #counts, 4 do
    local ends, units, worth = counts[index + 1], counts[index + 2], counts[index + 3]
    if ends > now then
      if bucket and own[3] ~= unit then worth = 0 end
      blocks[size + 1], blocks[size + 2], blocks[size + 3], blocks[size + 4] =
        counts[index], ends, units, worth
      size, lent, worths = size + 4, lent + units, worths + worth
      if first == 0 or ends < first then first = ends end
    end
  end
  if bucket and worths > 0 then
    -- What time has begun to pay back cannot be given back: the oldest are worth less.
    local over = worths - debt_at(own, now, unit, limit[7])
    for index = 4, size, 4 do
      if over <= 0 then break end
      local lost = math.min(over, blocks[index])
      over, blocks[index] = over - lost, blocks[index] - lost
    end
  end
  return own, blocks, lent, first
end

local function joined(own, blocks)
  local counts, size = {}, #own
  for index = 1, size do counts[index] = own[index] end
  for index = 1, #blocks do counts[size + index] = blocks[index] end
  return counts
end

local function decide(counts, now, cost, limit, part)
  local own, blocks = parted(counts, now, limit)
  local ok, left, reset, retry, after = part(limit[3])(own, now, cost, inner_of(limit), part)
  return ok, left, reset, retry, ok == 1 and joined(after, blocks) or counts
end

local function adjust(counts, now, taken, change, limit, part)
  local own, blocks = parted(counts, now, limit)
  local _, adjust_inner = part(limit[3])
  return joined(adjust_inner(own, now, taken, change, inner_of(limit), part), blocks)
end

-- Returns what was granted, for how long, what is lent to all, what the limit says (four numbers),
-- and what to keep (nil: as before).
local function lend(counts, now, want, limit, ticket, part)
  local own, blocks, lent, first = parted(counts, now, limit)
  local inner, cap, decide_inner = inner_of(limit), limit[4], part(limit[3])
  local ok, left, reset, retry = decide_inner(own, now, 0, inner, part)
  local granted = math.max(0, math.min(want, left, cap - lent))
  if granted == 0 then
    if want > 0 and left > 0 then
      ok, retry = 0, first - now
    elseif want > 0 then
      ok, left, reset, retry = decide_inner(own, now, 1, inner, part)
    end
    return 0, 0, lent, ok, left, reset, retry
  end
  local ends, worth, size, after = limit[5], granted, #blocks, nil
  ok, left, reset, retry, after = decide_inner(own, now, granted, inner, part)
  if limit[3] == "bucket" then
    worth = granted * limit[6]
  elseif limit[7] > 0 then
    ends = math.min(ends, after[1] + limit[7] - now)
  else
    local _, month_ends = part("month")(after[1])
    ends = math.min(ends, month_ends - now)
  end
  blocks[size + 1], blocks[size + 2], blocks[size + 3], blocks[size + 4] =
    ticket, now + ends, granted, worth
  return granted, ends, lent + granted, ok, left, reset, retry, joined(after, blocks)
end

-- Returns what to keep, or nil where there is no such block (any more).
local function take_back(counts, now, unspent, limit, ticket, part)
  local own, blocks = parted(counts, now, limit)
  for index = 1, #blocks, 4 do
    if blocks[index] == ticket then
      local units, worth = math.max(0, math.min(unspent, blocks[index + 2])), blocks[index + 3]
      for _ = 1, 4 do table.remove(blocks, index) end
      if limit[3] == "bucket" then
        local debt, at = debt_at(own, now, limit[6], limit[7])
        return joined({ debt - math.min(units * limit[6], worth), at, limit[6] }, blocks)
      end
      local inner, _, adjust_inner = inner_of(limit), part(limit[3])
      -- A window that is now by a clock that was set back is the one that the block was lent in.
      local start = adjust_inner(own, now, now, 0, inner, part)[1]
      return joined(adjust_inner(own, now, start, -units, inner, part), blocks)
    end
  end
end

return decide, adjust, lend, take_back
