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
string.gfind = string.gmatch
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

-- Searching for plain text is quadratic in the machine; long texts are searched in linear time.
local raw_find, raw_match, plain_find = string.find, string.match, host.find
function string.find(text, pattern, init, plain)
  if type(pattern) == "string" and #pattern > 32 and #text > 4096 and (plain or not raw_find(pattern, "[%^%$%*%+%?%.%(%)%[%]%%%-]")) then
    return plain_find(text, pattern, init or 1)
  end
  return raw_find(text, pattern, init, plain)
end
-- Without a comparison of its own, sorting is not interrupted.
local raw_sort = table.sort
function table.sort(list, before)
  if before == nil and #list > 5000 then before = function(a, b) return a < b end end
  return raw_sort(list, before)
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
