-- Requests under way. The Python form is journey/limit/algorithms/slots.py.
-- They are a sorted set at the key, of tickets by the time in µs at which they expire.
-- limit: label, "slots", most, expiry_us. counts: how many slots are held by others.

local function decide(counts, now, cost, limit)
  local most, held = limit[3], counts[1]
  if held + cost <= most then return 1, most - held - cost, 1000000, 0, counts end
  return 0, held < most and most - held or 0, 1000000, cost > most and -1 or 1000000, counts
end

-- How many are held by other tickets, as counts of the limit `label`.
local function held_slots(key, now, ticket, label)
  local held, own = redis.call("ZCOUNT", key, string.format("(%.0f", now), "+inf"), false
  if held > 0 then own = redis.call("ZSCORE", key, ticket) end
  if own and tonumber(own) > now then held = held - 1 end
  return { label, { held } }
end

local function hold_slot(key, now, ticket, expiry)
  redis.call("ZREMRANGEBYSCORE", key, "-inf", string.format("%.0f", now))
  redis.call("ZADD", key, string.format("%.0f", now + expiry), ticket)
  local life = math.max(1000, math.ceil(expiry / 1000))
  -- Never less than others have: their expiry may be from before it was changed.
  if redis.call("PTTL", key) < life then redis.call("PEXPIRE", key, string.format("%.0f", life)) end
end

return decide, nil, held_slots, hold_slot
