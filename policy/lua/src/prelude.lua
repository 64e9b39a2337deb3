-- What Threaded Lua has and the machine lacks, or has otherwise. Runs once per machine, before any script.
local host = ...
local raw_pcall, raw_xpcall, raw_resume, raw_yield = pcall, xpcall, coroutine.resume, coroutine.yield
local status, create, select, unpack, type = coroutine.status, coroutine.create, select, unpack, type
local error_text = host.error_text
local USER, SUSPEND = host.user, host.suspend

-- Errors of the host are caught as text, as those of Lua are.
local function caught(ok, first, ...)
  if ok then return true, first, ... end
  return false, error_text(first), ...
end
function pcall(...) return caught(raw_pcall(...)) end
function xpcall(f, handler, ...)
  return caught(raw_xpcall(f, function(...) return handler(error_text((...))) end, ...))
end

-- What the engine suspends passes through the coroutines of a script.
local function pack(...) return { n = select("#", ...), ... } end
function coroutine.yield(...) return raw_yield(USER, ...) end
function coroutine.resume(co, ...)
  local got = pack(raw_resume(co, ...))
  while got[1] and status(co) == "suspended" and got[2] ~= USER do
    got = pack(raw_resume(co, raw_yield(got[2])))
  end
  if not got[1] then return false, error_text(got[2]) end
  if status(co) == "suspended" then return true, unpack(got, 3, got.n) end
  return unpack(got, 1, got.n)
end
local resume = coroutine.resume
local function unwrap(ok, ...)
  if ok then return ... end
  error((...), 0)
end
function coroutine.wrap(f)
  local co = create(f)
  return function(...) return unwrap(resume(co, ...)) end
end

-- A function of the host that waits: it is started, and the engine resumes with what came of it.
local function finish(ok, ...)
  if ok then return ... end
  error((...), 3)
end
function host.suspending(start)
  return function(...)
    start(...)
    return finish(raw_yield(SUSPEND))
  end
end

-- The same for one that may have answered already.
local function settle(is_done, ...)
  if is_done then return ... end
  return finish(raw_yield(SUSPEND))
end
function host.perhaps(start)
  return function(...) return settle(start(...)) end
end

local band, bor, bxor, bnot = bit32.band, bit32.bor, bit32.bxor, bit32.bnot
local slow, floor = host.bitwise, math.floor
local function small(a, b)
  return type(a) == "number" and type(b) == "number" and a >= 0 and b >= 0 and a < 4294967296 and b < 4294967296
end
local function event(name, a, b)
  local function of(value)
    local meta = getmetatable(value)
    return type(meta) == "table" and rawget(meta, name) or nil
  end
  return (type(a) ~= "number" and of(a)) or (type(b) ~= "number" and of(b)) or nil
end
local function binary(name, quick)
  return function(a, b)
    if small(a, b) then return quick(a, b) end
    local handler = event(name, a, b)
    if handler then return (handler(a, b)) end
    return slow(name, a, b)
  end
end
local function by_hand(name) return function(a, b) return slow(name, a, b) end end
host.operators = {
  binary("__and", band), binary("__or", bor), binary("__xor", bxor),
  binary("__shl", by_hand("__shl")), binary("__shr", by_hand("__shr")),
  function(a)
    local handler = event("__not", a, nil)
    if handler then return (handler(a)) end
    return slow("__not", a, 0)
  end,
  function(a, b)
    if type(a) == "number" and type(b) == "number" then return floor(a / b) end
    local handler = event("__intdiv", a, b)
    if handler then return (handler(a, b)) end
    return slow("__intdiv", a, b)
  end,
}

-- Lua 5.1 (LUA_COMPAT_MOD, LUA_COMPAT_GFIND) and what the machine has left out.
math.mod = math.fmod
string.split = nil
table.setn = function() error("'setn' is obsolete", 2) end
function loadstring(source, name)
  return host.compile(tostring(source), name and tostring(name) or "=loadstring")
end
function load(reader, name)
  if type(reader) == "string" then return loadstring(reader, name) end
  local pieces = {}
  for piece in reader do
    if piece == "" then break end
    pieces[#pieces + 1] = piece
  end
  return loadstring(table.concat(pieces), name or "=(load)")
end
local raw_tonumber = tonumber
-- Octal texts too, as the lexer reads numbers.
function tonumber(value, base)
  if base == nil and type(value) == "string" then
    local sign, digits = string.match(value, "^%s*(%-?)0([0-7]+)%s*$")
    if digits then
      local number = raw_tonumber(digits, 8)
      return sign == "-" and -number or number
    end
    return raw_tonumber(value)
  end
  if base == nil then return raw_tonumber(value) end
  return raw_tonumber(value, base)
end

-- Patterns that could take long in a long text are matched by the host, in slices; so is plain text, in linear time.
local raw_find, raw_match, raw_gmatch, raw_gsub = string.find, string.match, string.gmatch, string.gsub
local plain_find, within = host.find, host.within
local host_find, host_match, host_replace = host.seek, host.matched, host.replaced
local isyieldable, sub, concat, tostring, error = coroutine.isyieldable, string.sub, table.concat, tostring, error
local limits, known = {}, 0
-- Whether it is left to the machine: what is no text is the machine's to complain of.
local function is_short(text, pattern)
  if type(text) ~= "string" or type(pattern) ~= "string" then return true end
  local length = #text
  if length <= 24 and #pattern <= 16 then return true end
  local limit = limits[pattern]
  if limit == nil then
    if known >= 512 then limits, known = {}, 0 end
    limit = within(pattern)
    limits[pattern], known = limit, known + 1
  end
  return length <= limit
end
local function find(text, pattern, init) return settle(host_find(isyieldable(), text, pattern, init)) end

function string.find(text, pattern, init, plain)
  if plain then
    if type(pattern) == "string" and #pattern > 32 and #text > 4096 then return plain_find(text, pattern, init or 1) end
    return raw_find(text, pattern, init, plain)
  end
  if is_short(text, pattern) then return raw_find(text, pattern, init) end
  return find(text, pattern, init)
end
function string.match(text, pattern, init)
  if is_short(text, pattern) then return raw_match(text, pattern, init) end
  return settle(host_match(isyieldable(), text, pattern, init))
end
function string.gmatch(text, pattern)
  if is_short(text, pattern) then return raw_gmatch(text, pattern) end
  -- What anchors elsewhere is a letter like others here.
  if sub(pattern, 1, 1) == "^" then pattern = "%" .. pattern end
  local at = 1
  local function step(first, last, ...)
    if first == nil then
      at = #text + 2
      return nil
    end
    at = last >= first and last + 1 or first + 1
    if select("#", ...) == 0 then return sub(text, first, last) end
    return ...
  end
  return function() return step(find(text, pattern, at)) end
end
local function replacement(with, found, ...)
  local value
  if type(with) == "table" then
    value = with[select("#", ...) == 0 and found or (...)]
  elseif select("#", ...) == 0 then
    value = with(found)
  else
    value = with(...)
  end
  if not value then return found end
  if type(value) ~= "string" and type(value) ~= "number" then
    error("invalid replacement value (a " .. type(value) .. ")", 4)
  end
  return value
end
function string.gsub(text, pattern, with, most)
  if is_short(text, pattern) then return raw_gsub(text, pattern, with, most) end
  if type(with) == "string" or type(with) == "number" then
    return settle(host_replace(isyieldable(), text, pattern, tostring(with), most))
  end
  if type(with) ~= "table" and type(with) ~= "function" then return raw_gsub(text, pattern, with, most) end
  local out, count, at, done = {}, 0, 1, 1
  local is_anchored, last_start = sub(pattern, 1, 1) == "^", #text + 1
  most = most or last_start
  local function step(first, last, ...)
    if first == nil then return false end
    count = count + 1
    out[#out + 1] = sub(text, done, first - 1)
    out[#out + 1] = replacement(with, sub(text, first, last), ...)
    done = last + 1
    at = last >= first and last + 1 or first + 1
    return not is_anchored and at <= last_start
  end
  while count < most and step(find(text, pattern, at)) do end
  out[#out + 1] = sub(text, done)
  return concat(out), count
end
string.gfind = string.gmatch

-- Comparisons of scripts are called from Lua, so that sorting can be suspended: merging, in pieces of growing length.
local raw_sort, move = table.sort, table.move
local function less(a, b) return a < b end
function table.sort(list, before)
  local length = #list
  if length <= 100 or before ~= nil and type(before) ~= "function" then return raw_sort(list, before) end
  before = before or less
  local from, to = move(list, 1, length, 1, {}), {}
  local width = 1
  while width < length do
    for low = 1, length, 2 * width do
      local a, b, at = low, low + width, low
      local middle, high = b, low + 2 * width
      if middle > length + 1 then middle = length + 1 end
      if high > length + 1 then high = length + 1 end
      while a < middle and b < high do
        if before(from[b], from[a]) then
          to[at], b = from[b], b + 1
        else
          to[at], a = from[a], a + 1
        end
        at = at + 1
      end
      if a < middle then
        move(from, a, middle - 1, at, to)
      elseif b < high then
        move(from, b, high - 1, at, to)
      end
    end
    from, to = to, from
    width = 2 * width
  end
  move(from, 1, length, 1, list)
end

-- A coroutine that the script knows is not used for another call.
local running, keep = coroutine.running, host.keep
function coroutine.running()
  keep()
  return running()
end

function print(...)
  local words = {}
  for i = 1, select("#", ...) do words[i] = tostring((select(i, ...))) end
  host.print(table.concat(words, "\t"))
end

function debug.getinfo(level, what)
  if type(level) == "number" then level = level + 1 end
  local source, line, name = debug.info(level, "sln")
  if source == nil then return nil end
  return { source = "@" .. source, short_src = source, currentline = line, linedefined = line, name = name, what = "Lua" }
end

-- require, module: files are those that were read with the configuration.
package = { loaded = {}, preload = {}, path = "", cpath = "" }
local loaded = package.loaded
for _, name in { "string", "table", "math", "coroutine", "os", "debug" } do loaded[name] = getfenv(0)[name] end
loaded._G = getfenv(0)
function require(name)
  name = tostring(name)
  if loaded[name] ~= nil then return loaded[name] end
  local loader = package.preload[name]
  if loader == nil then
    local reason
    loader, reason = host.find_module(name)
    if loader == nil then error(reason, 2) end
  end
  loaded[name] = true
  local ok, value = pcall(loader, name)
  if not ok then
    loaded[name] = nil
    error(value, 0)
  end
  if value ~= nil then loaded[name] = value end
  return loaded[name]
end
function package.seeall(module)
  local meta = getmetatable(module) or {}
  meta.__index = getfenv(0)
  setmetatable(module, meta)
end
function module(name, ...)
  local holder, last = getfenv(0), nil
  local found = loaded[name]
  if type(found) ~= "table" then
    for word in string.gmatch(name, "[^.]+") do
      if last then
        if type(holder[last]) ~= "table" then holder[last] = {} end
        holder = holder[last]
      end
      last = word
    end
    if holder[last] ~= nil and type(holder[last]) ~= "table" then error("name conflict for module '" .. name .. "'", 2) end
    found = holder[last] or {}
    holder[last] = found
    loaded[name] = found
  end
  if found._NAME == nil then
    found._M, found._NAME, found._PACKAGE = found, name, string.match(name, "^(.*%.)[^.]*$") or ""
  end
  setfenv(2, found)
  for _, option in { ... } do option(found) end
end

-- Storage of the session, and of the shard.
local session = host.session
_TLS = setmetatable({}, {
  __index = function(_, key) return session()[key] end,
  __newindex = function(_, key, value) session()[key] = value end,
  __iter = function() return next, session() end,
})
_OSTLS = {}
_VERSION = "Lua 5.1"
