-- Takes from every limit of every group, or from none.
--
-- EVALSHA sha N key1 … keyN [lines]  now_us ticket expire_ms  spec1 cost1 … specN costN
--   [entry life_ms most]
--   now_us     "" for the server's own time. Only tests give one.
--   ticket     a text that no other request uses; "" where there is nothing to give back.
--   expire_ms  how long the record of what was taken is kept, above 0; "0" where there is none.
--   spec       msgpack [flags, [label, code, number, …], …], the limits of the group.
--              flags: 1 shadow, 2 settles, 4 can be given back. One of the groups with 2 or 4 is
--              enough for a record to be kept, of all groups.
--   cost       decimal.
--   lines      only where there are groups of budgets (of the code "spending", and held only under a
--              ticket): the stream of the ledger's lines, which ends in "lines". With it the last
--              three:
--   entry      the line to be written where the ticket is neither settled nor refreshed for
--   life_ms    milliseconds; "" where nothing is to be written. most is not looked at.
-- Reply: integers, flat: admitted (1, 0), then of each limit of each group, in order:
--   admitted (1, 0), remaining, reset_us, retry_after_us (-1: never, -2: counts are not there).
--
-- Counts are at the key (see values.lua); of a group of slots a sorted set of
-- tickets by the time in µs at which they expire. Groups that have the same key are counted one after
-- the other. A record is at key1 .. ":t:" .. ticket: msgpack [now_us, cost1, …, costN], where -1 is a
-- group that nothing was taken from. There is none where the ticket is "".
--
-- What is held of budgets is kept apart (base is `lines` without its end): a field of the hash
-- base .. "open" by the ticket, msgpack [admitted_us, entry, key1, spec1, cost1, key2, …, life_ms] of
-- the groups of budgets, with their specs in msgpack and -1 as a cost as above; and base .. "due", a
-- sorted set of tickets by the µs at which they are swept. All of them are admitted at one time,
-- which lies in the periods of their counts: not before these where the clock was set back.

local KEYS, ARGV, call, unpack = KEYS, ARGV, redis.call, cmsgpack.unpack
local now = time()

-- Tables are made as large as most calls need: those that grow are slow. `known` has of each group
-- its spec, what is stored, and where its counts begin in `fresh` (false: it does not fit).
local known, fresh = { nil, nil, nil }, { nil, nil, nil }
local groups, admitted, index, reply, record = #KEYS, nil, nil, nil, nil
local code, decide, lines, begun, late
if #ARGV % 2 == 0 then lines, groups = KEYS[groups], groups - 1 end
begun, late = now, now

repeat
  now, admitted, index = late, true, 0
  for group = 1, groups do
    local spec, cost = unpack(ARGV[group * 2 + 2]), tonumber(ARGV[group * 2 + 3])
    local stored, fits, key = nil, true, KEYS[group]
    if spec[2][2] == "slots" then
      local _, _, held_slots = part("slots")
      stored = held_slots(key, now, ARGV[2], spec[2][1])
    else
      stored = call("GET", key)
      if stored then stored = unpack(stored) end
      for other = 1, group - 1 do
        local from = known[other * 3]
        if from and KEYS[other] == key then
          stored = part("charged")(stored, known[other * 3 - 2], fresh, from)
        end
      end
    end
    known[group * 3 - 2], known[group * 3 - 1] = spec, stored
    reply = reply or #spec < 3 and { 1, nil, nil, nil, nil }
      or { 1, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil, nil }
    for place = 1, #spec - 1 do
      local limit = spec[place + 1]
      local label, counts = limit[1], nil
      if stored then
        if stored[place * 2 - 1] == label then
          counts = stored[place * 2]
        else
          counts = search(stored, label)
        end
      end
      if lines and counts and limit[2] == "spending" and counts[1] > late then late = counts[1] end
      if limit[2] ~= code then
        code = limit[2]
        decide = part(code)
      end
      local at = index * 4 + 2
      index = index + 1
      reply[at], reply[at + 1], reply[at + 2], reply[at + 3], fresh[index] =
        decide(counts, now, cost, limit, part)
      if reply[at] == 0 then fits = false end
    end
    known[group * 3] = fits and index - #spec + 1
    if spec[1] > 1 and ARGV[2] ~= "" then record = { now } end
    if not fits and spec[1] % 2 == 0 then admitted = false end
  end
until late == now

if not admitted then reply[1] = 0 end
if record and admitted then
  -- Before anything is charged: while a hash slot moves it may be refused, and with it all.
  for group = 1, groups do
    record[group + 1] = known[group * 3] and tonumber(ARGV[group * 2 + 3]) or -1
  end
  call("SET", KEYS[1] .. ":t:" .. ARGV[2], cmsgpack.pack(record), "PX", ARGV[3])
end
if lines and admitted and ARGV[2] ~= "" then
  local base, life = string.sub(lines, 1, -6), tonumber(ARGV[groups * 2 + 5])
  local held, size = { now, ARGV[groups * 2 + 4], nil, nil, nil, nil }, 2
  for group = 1, groups do
    if known[group * 3 - 2][2][2] == "spending" then
      held[size + 1], held[size + 2] = KEYS[group], ARGV[group * 2 + 2]
      held[size + 3] = known[group * 3] and tonumber(ARGV[group * 2 + 3]) or -1
      size = size + 3
    end
  end
  held[size + 1] = life
  call("HSET", base .. "open", ARGV[2], cmsgpack.pack(held))
  call("ZADD", base .. "due", string.format("%.0f", begun + life * 1000), ARGV[2])
end
index = 0
for group = 1, groups do
  local spec, stored, key = known[group * 3 - 2], known[group * 3 - 1], KEYS[group]
  local limits, life, taken, kind = #spec - 1, 0, admitted and known[group * 3], spec[2][2]
  for at = index * 4 + 2, (index + limits) * 4, 4 do
    if reply[at + 2] > life then life = reply[at + 2] end
  end
  if not taken then
    for place = 1, limits do
      local at = (index + place) * 4 - 2
      if reply[at] == 1 then
        local limit, counts = spec[place + 1], stored and search(stored, spec[place + 1][1])
        local _, left, reset = part(limit[2])(counts, now, 0, limit, part)
        reply[at + 1], reply[at + 2], reply[at + 3] = left, reset, 0
      end
    end
  elseif kind == "slots" then
    local _, _, _, hold_slot = part("slots")
    if ARGV[group * 2 + 3] ~= "0" then hold_slot(key, now, ARGV[2], spec[2][4]) end
  elseif kind == "spending" and ARGV[2] == "" then
    taken = false -- there is nothing to settle it by
  else
    for place = 1, kind == "spending" and limits or 0 do
      local _, _, _, kept_until = part("spending")
      life = math.max(life, kept_until(now, spec[place + 1], part) - begun)
    end
    if kind == "leased" and spec[2][5] > life then life = spec[2][5] end
    write(key, spec, stored, fresh, index, now, life)
  end
  index = index + limits
end
return reply
