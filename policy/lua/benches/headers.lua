-- A site's policy over headers, of the size that sites have: what costs is asked for once per message.
require("msys.core")
require("msys.extended.message")
require("msys.extended.vctx")

local mod = {}

local CAMPAIGNS = { ["spring"] = "bulk", ["summer"] = "bulk", ["invoice"] = "transactional" }
local STRIP = { "X-Internal-Id", "X-Internal-Route", "X-Originating-IP", "X-Mailer-Debug", "Bcc" }
local REQUIRED = { "From", "To", "Subject", "Date", "Message-ID" }

local function first(msg, name)
  local values = msg:header(name)
  if values and #values > 0 then
    return values[1]
  end
  return nil
end

local function trimmed(text)
  return (string.gsub(text, "^%s*(.-)%s*$", "%1"))
end

local function campaign_of(msg)
  local value = first(msg, "X-Campaign")
  if value == nil then
    return "none", nil
  end
  local name, year = string.match(string.lower(trimmed(value)), "^([%a]+)%-(%d+)$")
  if name == nil then
    return "unknown", nil
  end
  return CAMPAIGNS[name] or "unknown", tonumber(year)
end

local function missing(msg)
  local names = {}
  for _, name in ipairs(REQUIRED) do
    if first(msg, name) == nil then
      names[#names + 1] = name
    end
  end
  return names
end

local function domain_of(address)
  local _, _, domain = string.find(address or "", "@([^@>]+)>?$")
  return domain and string.lower(domain) or ""
end

local function strip(msg)
  local stripped = 0
  for _, name in ipairs(STRIP) do
    if #msg:header(name) > 0 then
      msg:header(name, "")
      stripped = stripped + 1
    end
  end
  return stripped
end

function mod:validate_data_spool_each_rcpt(msg, accept, vctx)
  local kind, year = campaign_of(msg)
  msg:context_set(msys.core.ECMESS_CTX_MESS, "campaign_kind", kind)
  if year != nil and year < 2020 then
    vctx:set_code(550, "5.7.1 campaign of " .. year .. " is over")
    return msys.core.VALIDATE_DONE
  end

  local lacks = missing(msg)
  if #lacks > 0 then
    msg:context_set(msys.core.ECMESS_CTX_MESS, "missing", table.concat(lacks, ","))
  end

  local from = msg:address_header("From", "domain")[1]
  local envelope = domain_of(msg:mailfrom())
  if from != nil and from != envelope then
    msg:header("X-Envelope-Domain", envelope)
  end

  local stripped = strip(msg)
  if stripped > 0 then
    print("stripped " .. stripped .. " fields")
  end

  if kind == "bulk" then
    if first(msg, "List-Unsubscribe") == nil then
      vctx:set_code(550, "5.7.1 bulk mail needs List-Unsubscribe")
      return msys.core.VALIDATE_DONE
    end
    msg:header("Precedence", "bulk")
    msg:context_set(msys.core.ECMESS_CTX_MESS, "binding_hint", "bulk")
  end

  local subject = first(msg, "Subject") or ""
  if string.len(subject) > 200 then
    msg:header("Subject", string.sub(subject, 1, 200))
  end
  msg:header("X-Policy", string.format("%s;%d", kind, stripped))
  return msys.core.VALIDATE_CONT
end

msys.registerModule("script", mod)
