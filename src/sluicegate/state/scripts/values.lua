-- How counts are kept, for every script that reads or writes some.
--
-- A key holds msgpack [label, [count, …], label, [count, …], …], in the order of the limits that
-- wrote it last. What it holds of other limits (they were taken out of a policy, or a replica has
-- an older one) is kept in one more item at the end, [label, until_us, [count, …], …], until the
-- time at which the key would have been gone when they were last written as a limit's own.
--
-- These scripts run for every request. So there are no upvalues (each is made anew by every call of
-- a script), and no calls of math.floor: a - a % b is exact, and so is a / b after that, as long as
-- nothing passes 2^53.

-- The counts of the limit `label` in `stored`, where they are not in its order; or nil.
local function search(stored, label)
  local size = #stored
  for index = 1, size - 1, 2 do
    if stored[index] == label then return stored[index + 1] end
  end
  if size % 2 == 0 then return nil end
  local kept = stored[size]
  for index = 1, #kept, 3 do
    if kept[index] == label then return kept[index + 2] end
  end
end

-- Keeps `counts`, from number `from` on, as those of the limits of `spec`, for `life` µs.
local function write(key, spec, stored, counts, from, now, life)
  local limits = #spec - 1
  local value = stored
  if value then
    local same = #value == limits * 2
    for place = 1, limits do same = same and value[place * 2 - 1] == spec[place + 1][1] end
    if not same then value = nil end
  end
  if value then
    for place = 1, limits do value[place * 2] = counts[from + place] end
  else
    value = { spec[2][1], counts[from + 1] }
    for place = 2, limits do
      value[place * 2 - 1], value[place * 2] = spec[place + 1][1], counts[from + place]
    end
    if stored then
      local others = part("kept")(key, stored, value, now)
      if others > life then life = others end
    end
  end
  life = life > 1000000 and (life + -life % 1000) / 1000 or 1000
  redis.call("SET", key, cmsgpack.pack(value), "PX", life)
end
