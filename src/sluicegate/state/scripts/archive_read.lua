-- Reads the oldest lines of the archive that wait.
--
-- EVALSHA sha 2 lines bytes  most most_bytes
-- Reply: id, line, id, line …; the last line may be beyond most_bytes, so there is one if any is.

local found, size, from = {}, 0, "-"
for _ = 1, tonumber(ARGV[1]) do
  local next = redis.call("XRANGE", KEYS[1], from, "+", "COUNT", 1)[1]
  if not next or size >= tonumber(ARGV[2]) then break end
  found[#found + 1] = next[1]
  found[#found + 1] = next[2][2]
  size = size + #next[2][2]
  from = "(" .. next[1]
end
return found
