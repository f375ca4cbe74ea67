-- Calendar months, UTC: period_at and month_start of journey/limit/algorithms/period.py.
--
--   part("month")(at)   returns the first µs of the month at `at`, and that of the next one.
local function month_at(at)
  local day, start, ends = 86400000000, nil, at
  for _ = 1, 2 do
    local days = (ends - ends % day) / day
    local of_era = (days + 719468) % 146097
    local year = of_era - (of_era - of_era % 1460) / 1460 + (of_era - of_era % 36524) / 36524
      - (of_era - of_era % 146096) / 146096
    year = (year - year % 365) / 365
    local of_year = of_era - 365 * year - (year - year % 4) / 4 + (year - year % 100) / 100
    local month = 5 * of_year + 2
    month = (month - month % 153) / 153
    local before = 153 * month + 2
    local first = (days - of_year + (before - before % 5) / 5) * day
    if start then return start, first end
    start, ends = first, first + 31 * day
  end
end

return month_at
