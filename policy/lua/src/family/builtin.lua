-- What of `msys` is written in Lua.
local msys = ...

local function dump(value, indent, seen)
  local kind = type(value)
  if kind == "string" then return string.format("%q", value) end
  if kind ~= "table" then return tostring(value) end
  if seen[value] or #indent > 40 then return "{ --[[ seen ]] }" end
  seen[value] = true
  local keys, lines = {}, {}
  for key in pairs(value) do keys[#keys + 1] = key end
  table.sort(keys, function(a, b)
    if type(a) == type(b) and (type(a) == "number" or type(a) == "string") then return a < b end
    return type(a) < type(b)
  end)
  for _, key in ipairs(keys) do
    local name = type(key) == "string" and key:match("^[%a_][%w_]*$") and key or "[" .. dump(key, indent, seen) .. "]"
    lines[#lines + 1] = indent .. "  " .. name .. " = " .. dump(value[key], indent .. "  ", seen) .. ",\n"
  end
  seen[value] = nil
  return "{\n" .. table.concat(lines) .. indent .. "}"
end
msys.dumper = { Dumper = function(value) return "return " .. dump(value, "", {}) end }
package.loaded["msys.dumper"] = msys.dumper
