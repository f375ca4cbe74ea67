-- Writes a line of the ledger, or adds it up with others where as many wait as may.
--
--   part("line")(base, admitted, cost, budgets, entry, most, swept, part)
--
--   base       what keys of the ledger begin with; lines are a stream at base .. "lines".
--   admitted   µs by the server's time, 0 where nothing was reserved.
--   cost       nano-USD, nil where nobody knows it.
--   budgets    those that were charged: `place\31subject`, joined by "\n"; "" where there are none.
--   entry      the msgpack of `model.ledger.Entry`. swept: nobody has settled it.
-- An item of the stream: a admitted, c cost ("" unknown), b budgets, e entry, and u "1" where swept.
local function write_line(base, admitted, cost, budgets, entry, most, swept, part)
  if redis.call("XLEN", base .. "lines") >= most then
    return part("overflow")(base, admitted, cost, budgets, entry, swept)
  end
  local item = { "a", string.format("%.0f", admitted), "c",
    cost and string.format("%.0f", cost) or "", "b", budgets, "e", entry }
  if swept then item[9], item[10] = "u", "1" end
  redis.call("XADD", base .. "lines", "*", unpack(item))
end

return write_line
