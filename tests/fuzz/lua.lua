-- The bytes behind the message's end are calls: function, number of arguments, arguments.
local names = {}
for name in ("NAMES"):gmatch("%S+") do names[#names + 1] = name end
-- These touch files: theirs is one of ours.
local open, read = msys.core.io_wrapper_open, msys.readfile
function msys.core.io_wrapper_open(_, ...) return open("FILE", ...) end
function msys.readfile() return read("FILE") end

local M = {}
function M:validate_connect(ac, vctx) vctx:set(VCTX_CONN, "fine", 1) return msys.core.VALIDATE_CONT end

function M:validate_data_spool_each_rcpt(msg, ac, vctx)
  local _, stop = msg:body():find("--e--\r\n", 1, true)
  local bytes, at = msg:body():sub(stop + 1), 0
  local function byte() at = at + 1 return bytes:byte(at) or 0 end
  local deep = {} deep.deep = deep
  local part = msg:mime(false)
  local pool = {
    false, true, 0, 1, -1, 0.5, 1e300, -1e300, 0/0, 1/0, -1/0, 2^53, 2^31, 99, "", "a", "\0\255\254", ("x"):rep(300), "1", "-7",
    "a@b.example", "a@b\r\nc", "text/plain", "replace", "all", "(a+)+$", "(", "$1", "%{vctx_conn:a}", "\u00e9\r\n.\r\n",
    {}, { 1, 2 }, { a = 1 }, { {} }, deep, print, function() end, function(...) return ... end, error, coroutine.create(print),
    msg, ac, vctx, part, part.thread, msys.core.ec_message_new(nil), msys.core.string_new(), ac.remote_addr,
    msys.core.VCTX_MESS, msys.core.EC_MSG_ENV_FROM, "http://a.example/x", "<a b='c'>d<e/></a>", "//a[@b='c']", "IO",
    xml.parsexml("<a b='c'>d<e/></a>"), xml.parsexml("<a><e/></a>"):root(), msys.http.client.new(), curl.new(), thread.mutex(),
    msys.timer.after(5, function() end), json.decode('{"a":[1,{}]}'),
  }
  local function value()
    local kind = byte()
    if kind < 150 then return pool[kind % #pool + 1] end
    if kind < 180 then
      local length = byte()
      at = at + length
      return bytes:sub(at - length + 1, at)
    end
    if kind < 200 then return byte() - 128 end
    if kind < 215 then return (byte() - 128) * 2 ^ (byte() - 64) end
    if kind < 235 then
      local table = {}
      for i = 1, byte() % 4 do table[i] = pool[byte() % #pool + 1] end
      table[tostring(pool[byte() % 20 + 15])] = pool[byte() % #pool + 1]
      return table
    end
    return nil
  end
  for round = 1, 40 do
    if at >= #bytes then break end
    local name = names[(byte() * 256 + byte()) % #names + 1]
    local class, method = name:match("^(.-):(.*)$")
    local count, given = byte() % 6, {}
    local target
    if class then
      local object = value()
      given[1], count = object, count + 1
      local ok, found = pcall(function() return object[method] end)
      target = ok and found
    else
      target = _G
      for word in name:gmatch("[^.]+") do target = type(target) == "table" and target[word] or nil end
    end
    for i = class and 2 or 1, count do given[i] = value() end
    if type(target) == "function" then
      local results = { pcall(target, unpack(given, 1, count)) }
      if not results[1] and type(results[2]) ~= "string" and target ~= error then
        error(name .. " raised a " .. type(results[2]))
      end
      for i = 2, math.min(#results, 3) do
        if results[i] ~= nil and #pool < 200 then pool[#pool + 1] = results[i] end
      end
    end
  end
  return msys.core.VALIDATE_CONT
end
msys.registerModule("fuzz", M)
