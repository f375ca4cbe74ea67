-- Takes lines of the archive away that were read.
--
-- EVALSHA sha 2 lines bytes  id …
-- Reply: how many were there.

local gone, size = 0, 0
for _, id in ipairs(ARGV) do
  local found = redis.call("XRANGE", KEYS[1], id, id)[1]
  if found then
    size = size + #found[2][2]
    gone = gone + redis.call("XDEL", KEYS[1], id)
  end
end
if redis.call("XLEN", KEYS[1]) == 0 then
  redis.call("DEL", KEYS[1], KEYS[2])
elseif size > 0 then
  redis.call("DECRBY", KEYS[2], string.format("%.0f", size))
end
return gone
