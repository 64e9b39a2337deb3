-- curl, on the HTTP client. Numbers of options are those of libcurl.
local curl, new_client = ...

local OPTIONS = {
  URL = 10002, USERPWD = 10005, WRITEFUNCTION = 20011, READFUNCTION = 20012, TIMEOUT = 13, INFILESIZE = 14,
  POSTFIELDS = 10015, REFERER = 10016, USERAGENT = 10018, COOKIE = 10022, HTTPHEADER = 10023, CUSTOMREQUEST = 10036,
  VERBOSE = 41, NOPROGRESS = 43, NOBODY = 44, FAILONERROR = 45, UPLOAD = 46, POST = 47, FOLLOWLOCATION = 52, PUT = 54,
  POSTFIELDSIZE = 60, CONNECTTIMEOUT = 78, HEADERFUNCTION = 20079, HTTPGET = 80, NOSIGNAL = 99, TIMEOUT_MS = 155,
  PROGRESSFUNCTION = 20056,
}
-- VERBOSE, NOPROGRESS, NOSIGNAL, CONNECTTIMEOUT, POSTFIELDSIZE, INFILESIZE and PROGRESSFUNCTION change nothing here.
local names = {}
for name, number in pairs(OPTIONS) do
  curl["OPT_" .. name] = number
  names[number] = name
end
curl.INFO_RESPONSE_CODE = 2097154

local Handle = {}
Handle.__index = Handle
function curl.new() return setmetatable({ set = {} }, Handle) end

local function open(handle, name)
  local set = type(handle) == "table" and rawget(handle, "set")
  if not set then error("c:" .. name .. " was called on a closed handle", 3) end
  return set
end

function Handle:setopt(option, value, ...)
  local set = open(self, "setopt")
  local name = names[option]
  if not name then error("c:setopt: the option " .. tostring(option) .. " is not known here", 2) end
  if name == "FOLLOWLOCATION" and value then error("c:setopt: redirections are not followed here", 2) end
  if name == "HTTPHEADER" then
    if type(value) == "string" then value = { value, ... } end
    if value ~= nil and type(value) ~= "table" then error("c:setopt: OPT_HTTPHEADER takes strings", 2) end
  elseif name:find("FUNCTION") and value ~= nil and type(value) ~= "function" then
    error("c:setopt: OPT_" .. name .. " takes a function", 2)
  end
  set[name] = value
end

-- The body to be sent: a string, or what the read function gives until it gives nothing.
local function body_of(set)
  if set.POSTFIELDS then return tostring(set.POSTFIELDS) end
  if not set.READFUNCTION or not (set.UPLOAD or set.PUT or set.POST) then return nil end
  local pieces = {}
  for piece in set.READFUNCTION, 16384 do
    if piece == "" then break end
    pieces[#pieces + 1] = tostring(piece)
  end
  return table.concat(pieces)
end

function Handle:perform()
  local set = open(self, "perform")
  local client = new_client()
  for _, line in ipairs(set.HTTPHEADER or {}) do client:set_header(line) end
  for option, field in pairs({ USERAGENT = "User-Agent", REFERER = "Referer", COOKIE = "Cookie" }) do
    if set[option] then client:set_header(field .. ": " .. tostring(set[option])) end
  end
  if set.USERPWD then client:set_header("Authorization: Basic " .. msys.base64.encode(tostring(set.USERPWD))) end
  local seconds = set.TIMEOUT_MS and set.TIMEOUT_MS / 1000 or set.TIMEOUT
  if seconds and seconds > 0 then client:set_timeout(seconds) end
  local body = body_of(set)
  local method = set.CUSTOMREQUEST or (set.NOBODY and "HEAD") or ((set.UPLOAD or set.PUT) and "PUT")
    or ((set.POST or body) and "POST") or "GET"
  local ok, reason = client:do_request(method, tostring(set.URL or ""), body)
  if not ok then return nil, reason end
  local status, text = client:get_status()
  self.status = status
  if set.FAILONERROR and status >= 400 then return nil, "the server has answered " .. status .. " " .. text end
  if set.HEADERFUNCTION then
    set.HEADERFUNCTION("HTTP/1.1 " .. status .. " " .. text .. "\r\n")
    for _, line in ipairs(client:get_headers()) do set.HEADERFUNCTION(line .. "\r\n") end
    set.HEADERFUNCTION("\r\n")
  end
  if set.WRITEFUNCTION then set.WRITEFUNCTION(client:get_body()) end
  return true
end

function Handle:getinfo(what)
  open(self, "getinfo")
  if what == curl.INFO_RESPONSE_CODE then return self.status or 0 end
  error("c:getinfo: only INFO_RESPONSE_CODE is known here", 2)
end

function Handle:close() self.set = nil end
