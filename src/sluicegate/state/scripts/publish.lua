-- Appends news to a stream that keeps the last thousand or so, and lives an hour after the last.
--
-- EVALSHA sha 1 key  topic text
-- Reply: the number of the entry.

local entry = redis.call("XADD", KEYS[1], "MAXLEN", "~", 1000, "*", ARGV[1], ARGV[2])
redis.call("PEXPIRE", KEYS[1], 3600000)
return entry
