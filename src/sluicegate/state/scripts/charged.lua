-- `stored` as it will be once the limits of `spec` have their counts of `fresh`, from `from` on.
local function charged_store(stored, spec, fresh, from)
  local value = {}
  for index = 1, stored and #stored or 0 do value[index] = stored[index] end
  for place = 1, #spec - 1 do
    local label, counts, found = spec[place + 1][1], fresh[from + place], false
    for index = 1, #value - 1, 2 do
      if value[index] == label then value[index + 1], found = counts, true end
    end
    if not found then
      table.insert(value, 1, counts)
      table.insert(value, 1, label)
    end
  end
  return value
end

return charged_store
