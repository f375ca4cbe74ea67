-- Keeps a value under its name unless what is there is newer, or as new and good for long enough.
--
-- EVALSHA sha 1 key  version life_ms value
--   version    20 decimal digits, so that the order of texts is that of numbers beyond 2^53.
--   life_ms    decimal; what is as new is kept again once less than half of that is left.
--   value      its form, `v` (the value itself) or `m` (where its pieces are), and the rest; empty
--              only asks.
-- The key holds version, form and rest in that order.
-- Reply: 1 and what replaced pieces were told of ("" where there are none), or 0.

local key, version, life = KEYS[1], ARGV[1], tonumber(ARGV[2])
local there = redis.call("GETRANGE", key, 0, 20)
local found = string.sub(there, 1, 20)
if found > version then return { 0, "" } end
if found == version and redis.call("PTTL", key) * 2 >= life then return { 0, "" } end
if ARGV[3] == "" then return { 1, "" } end
local pieces = ""
if string.sub(there, 21) == "m" then pieces = redis.call("GETRANGE", key, 21, -1) end
redis.call("SET", key, version .. ARGV[3], "PX", life)
return { 1, pieces }
