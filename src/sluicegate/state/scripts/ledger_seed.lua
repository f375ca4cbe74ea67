-- Begins or repairs the counts of a budget, where it is certain which entries the store has.
--
-- EVALSHA sha 3 base lines key  now_us spec version repairs after where  start1 spent1 … startM spentM
--   base, lines as for ledger_read.lua.
--   key        of the counts: base .. place .. "\31" .. subject.
--   spec       as for take.lua.
--   version    that the server had when the store was asked; see ledger_read.lua.
--   repairs    "1": whatever counts there are; else those that are there stay.
--   after      the last line that `spent` has, "-" at first.
--   where      msgpack [[place, value], …]: entries count whose fields have these values (none where
--              it is left out), though their lines do not name the budget; "" for none of these.
--   start      of the period, in µs; spent: what the store has of it, and lines until `after`.
-- Reply: 0 where it cannot be exact: lines were moved since, or are being moved, too many totals
--   wait, or a period is another one now. 1 where the counts are there. Else a page of lines was
--   read, and it is to be called again: the last line of it, then spent1 … spentM as text.

local KEYS, ARGV, call, unpack = KEYS, ARGV, redis.call, cmsgpack.unpack
local base, key, now, spec, repairs = KEYS[1], KEYS[3], time(), unpack(ARGV[2]), ARGV[4] == "1"
local stored, budget, limits = call("GET", key), string.sub(key, #base + 1), #spec - 1
local fresh, starts, spent, held, life, missing = {}, {}, {}, {}, 0, repairs
local _, settled, _, kept_until = part("spending")
if stored then stored = unpack(stored) end
for place = 1, limits do
  fresh[place] = not repairs and stored and search(stored, spec[place + 1][1]) or nil
  if not fresh[place] then missing = true end
end
if not missing then return 1 end

local moves = call("GET", base .. "moves")
if moves ~= ARGV[3] or tonumber(moves) % 2 == 1 then return 0 end
for place = 1, limits do
  local limit = spec[place + 1]
  starts[place], spent[place] = tonumber(ARGV[place * 2 + 5]), tonumber(ARGV[place * 2 + 6])
  held[place] = 0
  if not settled({ starts[place], 0, 0 }, now, 0, 0, limit, part) then return 0 end
  life = math.max(life, kept_until(now, limit, part) - now)
end

local function add(sums, admitted, cost)
  for place = 1, limits do
    if admitted >= starts[place] then
      sums[place] = math.min(4503599627370496, sums[place] + cost)
    end
  end
end

local function has(budgets)
  return string.find("\n" .. budgets .. "\n", "\n" .. budget .. "\n", 1, true)
end

-- Most entries are seen to be others' without being read.
local wanted = ARGV[6] ~= "" and unpack(ARGV[6])
local function likely(text)
  for _, each in ipairs(wanted or {}) do
    if each[2] and not string.find(text, each[2], 1, true) then return false end
  end
  return wanted
end

-- Returns an entry that agrees with `where`.
local function agreeing(entry)
  if not likely(entry) then return nil end
  entry = unpack(entry)
  for _, each in ipairs(wanted) do
    if entry[each[1]] ~= each[2] then return nil end
  end
  return entry
end

local lines = call("XRANGE", KEYS[2], ARGV[5] == "-" and "-" or "(" .. ARGV[5], "+", "COUNT", 1000)
for _, line in ipairs(lines) do
  local item = line[2]
  local cost = item[1] == "a" and tonumber(item[4]) or 0
  if cost > 0 then
    local admitted, entry = tonumber(item[2]), nil
    if not has(item[6]) then
      entry = agreeing(item[8])
      if entry and admitted == 0 then admitted = entry[2] end
    end
    if entry or has(item[6]) then add(spent, admitted, cost) end
  end
end
if #lines == 1000 then
  local reply = { lines[1000][1] }
  for place = 1, limits do reply[place + 1] = string.format("%.0f", spent[place]) end
  return reply
end

for _, name in ipairs({ base .. "over", base .. "overread" }) do
  if call("HLEN", name) > 5000 then return 0 end
  for _, total in ipairs(call("HVALS", name)) do
    if string.find(total, budget, 1, true) or likely(total) then
      total = unpack(total)
      local entry = has(total[1]) and unpack(total[2]) or agreeing(total[2])
      if entry then add(spent, entry[2], entry[12] or 0) end
    end
  end
end
for _, record in ipairs(call("HVALS", base .. "open")) do
  if string.find(record, key, 1, true) then
    record = unpack(record)
    for place = 5, #record, 3 do
      if record[place - 2] == key then add(held, record[1], math.max(0, record[place])) end
    end
  end
end

for place = 1, limits do
  fresh[place] = fresh[place] or { starts[place], spent[place], held[place] }
end
write(key, spec, stored, fresh, 0, now, life)
-- Those whose counts have ended leave the set as others come.
local budgets = base .. "budgets"
call("SADD", budgets, budget)
for _, other in ipairs(call("SRANDMEMBER", budgets, 2)) do
  if call("EXISTS", base .. other) == 0 then call("SREM", budgets, other) end
end
return 1
