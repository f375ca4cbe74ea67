-- Lets a line of the archive wait, where there is room.
--
-- EVALSHA sha 2 lines bytes  most line
--   lines    a stream; bytes   how many bytes its lines have together, decimal.
--   most     decimal: how many they may have.
-- Reply: 1, or 0 where there is no room.

local waiting = tonumber(redis.call("GET", KEYS[2]) or "0")
if redis.call("EXISTS", KEYS[1]) == 0 then waiting = 0 end
if waiting + #ARGV[2] > tonumber(ARGV[1]) then return 0 end
redis.call("XADD", KEYS[1], "*", "l", ARGV[2])
redis.call("SET", KEYS[2], string.format("%.0f", waiting + #ARGV[2]))
return 1
