-- What a token bucket and a leaky bucket count: debt_at of journey/limit/algorithms/token_bucket.py.
-- counts: debt, at_us, unit.

-- The debt at `now` in our unit, and the time at which it is that.
local function debt_at(counts, now, unit, refill)
  if not counts then return 0, now end
  local debt, at, old = counts[1], counts[2], counts[3]
  if old ~= unit then
    -- ceil(debt * unit / old), by bits, so that nothing passes 2^53; at most 2^52.
    local part, rest, quotient, bit = unit % old, 0, 0, 4503599627370496
    local whole = (unit - part) / old
    if whole > 0 and debt > bit / whole then
      debt = bit
    else
      local left = debt
      while bit >= 1 do
        quotient, rest = quotient + quotient, rest + rest
        if rest >= old then quotient, rest = quotient + 1, rest - old end
        if left >= bit then
          left, rest = left - bit, rest + part
          if rest >= old then quotient, rest = quotient + 1, rest - old end
        end
        bit = bit / 2
      end
      debt = math.min(4503599627370496, debt * whole + quotient + (rest > 0 and 1 or 0))
    end
  end
  local since = now - at
  if since <= 0 then return debt, at end
  if since >= (debt + -debt % refill) / refill then return 0, now end
  return debt - since * refill, now
end

-- `debt` after `change` units more, at most 2^52.
local function charged(debt, change, unit)
  if change > (4503599627370496 - debt) / unit then return 4503599627370496 end
  return debt + change * unit
end
