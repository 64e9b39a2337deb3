-- What the site adds to messages, and which binding they take.
require("msys.core")
require("msys.extended.message")
require("msys.extended.vctx")

local site = {}

function site:validate_rcptto(msg, str, ac, vctx)
  if vctx:get(msys.core.VCTX_MESS, "rcptto_localpart") == "nobody" then
    vctx:set_code(550, "5.1.1 there is nobody of that name")
    return msys.core.VALIDATE_DONE
  end
  return msys.core.VALIDATE_CONT
end

function site:validate_data_spool_each_rcpt(msg, ac, vctx)
  msg:header("X-Spf", vctx:get(msys.core.VCTX_MESS, "spf_status"))
  if #msg:header("List-Unsubscribe") > 0 then
    msg:context_set(msys.core.ECMESS_CTX_MESS, "kind", "bulk")
    msg:header("Precedence", "bulk")
  end
  return msys.core.VALIDATE_CONT
end

function site:validate_set_binding(msg)
  if msg:context_get(msys.core.ECMESS_CTX_MESS, "kind") == "bulk" then
    msg:binding("bulk")
  end
  return msys.core.VALIDATE_CONT
end

msys.registerModule("site", site)
