-- Adds to `value` ([label, counts, …]) what `stored` holds of other limits. Returns the µs for which
-- that has to be kept.
local function keep_others(key, stored, value, now)
  local own, kept, life = {}, {}, 0
  for index = 1, #value, 2 do own[value[index]] = true end
  local function keep(label, ends, counts)
    if own[label] or ends <= now then return end
    own[label] = true
    kept[#kept + 1] = label
    kept[#kept + 1] = ends
    kept[#kept + 1] = counts
    if ends - now > life then life = ends - now end
  end
  local size, gone = #stored, now + redis.call("PTTL", key) * 1000
  for index = 1, size - 1, 2 do keep(stored[index], gone, stored[index + 1]) end
  local before = size % 2 == 1 and stored[size] or {}
  for index = 1, #before, 3 do keep(before[index], before[index + 1], before[index + 2]) end
  if kept[1] then value[#value + 1] = kept end
  return life
end

return keep_others
