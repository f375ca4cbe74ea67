-- Adds a line of the ledger up with others, for where the stream of lines is full.
--
--   part("overflow")(base, admitted, cost, budgets, entry, swept)
--
--   admitted   µs, 0 where nothing was reserved.
--   cost       nano-USD, nil where nobody knows it.
--   budgets    as a line has them: `place\x1fsubject`, joined by "\n".
--   entry      msgpack of a `model.ledger.Entry`: an array, whose places from 1 are used here.
--   swept      whether the sweeper has written it.
--
-- base .. "over" is a hash of totals: what they have in common, and msgpack [budgets, entry]. That is
-- the minute, the budgets, whether the cost is known, who and what (4 to 11), how it went (23 to 25,
-- 27, 28) and where (36); all else is summed. base .. "overs" counts the exchanges that were added up
-- since ever. A total is named after its first exchange and that number, so that no other one has its
-- name, and a server that takes another one's place calls it the same.
--
-- From 100000 totals on new ones are told apart by minute, budgets and whether the cost is known
-- alone, and from 200000 on without the budgets: then a week of them is 20000 more.
local function add_up(base, admitted, cost, budgets, entry, swept)
  local call, pack, own = redis.call, cmsgpack.pack, cmsgpack.unpack(entry)
  local at = admitted > 0 and admitted or own[2] or 0
  own[2], own[12], own[24] = at - at % 60000000, cost, swept or own[24]
  local size = call("HLEN", base .. "over")
  local common = pack(own[2], budgets, cost ~= nil)
  local field = common .. pack(unpack(own, 4, 11)) .. pack(own[23], own[24], own[25])
  field = field .. pack(own[27], own[28], own[36])
  local stored = call("HGET", base .. "over", field)
  if not stored and size >= 100000 then
    if size >= 200000 then budgets = "" end
    for _, place in ipairs({ 4, 5, 6, 7, 8, 9, 10, 11, 23, 24, 25, 27, 28, 36 }) do
      own[place] = nil
    end
    field = pack(own[2], budgets, cost ~= nil)
    stored = call("HGET", base .. "over", field)
  end
  local total = stored and cmsgpack.unpack(cmsgpack.unpack(stored)[2])
  if not total then
    local overs = call("GET", base .. "overs") or "0"
    total = { "total-" .. own[1] .. "-" .. overs, own[2] }
    for place = 4, 11 do total[place] = own[place] end
    total[12], total[27], total[28], total[33] = cost and 0, own[27] or 0, own[28], 0
    for place = 23, 25 do total[place] = own[place] or false end
    total[26], total[36], total[37] = false, own[36] or "", ""
  end
  for _, place in ipairs({ 3, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 29, 32, 34, 35 }) do
    if place ~= 12 or cost then
      total[place] = math.min(9007199254740991, (total[place] or 0) + (own[place] or 0))
    end
  end
  -- An array with nothing in some of its places: as a table it would be written as a map.
  call("HSET", base .. "over", field, pack({ budgets, "\220\0\37" .. pack(unpack(total, 1, 37)) }))
  call("INCRBY", base .. "overs", string.format("%.0f", own[3] or 1))
end

return add_up
