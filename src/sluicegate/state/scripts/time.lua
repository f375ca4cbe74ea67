-- The server's time in µs, or the one that a test gives.
local function time()
  if ARGV[1] ~= "" then return tonumber(ARGV[1]) end
  local parts = redis.call("TIME")
  return parts[1] * 1000000 + parts[2]
end
