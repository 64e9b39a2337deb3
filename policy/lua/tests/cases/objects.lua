Classes, dictionaries, files, what was counted.

--- classes are known by the names of the C API too [data]
eq(msys.cast(msg, "msys.core:_ec_message") == msg, true)
msys.getClassMetaTable("msys.core:_ec_message").__index.shout = function(self) return self:mailfrom():upper() end
eq(msg:shout(), "ANN@A.EXAMPLE")
eq(msg:get_delivery_method(), "smtp")
msys.cast(msg, "vctx")
--> failed msys.cast: a msg is no vctx

--- a dictionary is iterated [data]
local dict, seen = { a = 1, b = 2 }, {}
local iterator = msys.core.dict_iter2(dict)
while true do
  local rc, key, value = msys.core.dict_next(dict, iterator)
  if rc == 0 then break end
  seen[key] = value
end
msys.core.dict_iter2_free(dict, iterator)
eq(seen, dict)

--- what inbound_audit counts can be asked [data]
eq(msys.audit.connections("60,4"), 0)
eq(msys.audit.rejections("60,4", { cidr = "/24", startv = 0, endv = 3 }), 0)
eq(msys.audit.receptions("60,4", "198.51.100.0/24"), 0)
eq(msys.audit.inbound_session_count("/24", "SMTP"), 3)
msys.audit.connections("60,5")
--> failed inbound_audit has no monitor "60,5"

--- another server is asked about a recipient [rcptto]
require("msys.beta.rcptto_proxy")
local function ask(to) return { msys.beta.rcptto_proxy.query({ mailfrom = "a@x.example", rcptto = to, host = "mx.x.example", port = 25 }) } end
eq(ask("bob@x.example"), { true })
eq(ask("eve@x.example"), { false, "fail" })
eq(ask("early@x.example"), { false, "550 no senders" })
eq(ask("late@x.example"), { false, "timed out" })
msys.beta.rcptto_proxy.query({ host = "mx.x.example" })
--> failed needs host and rcptto

--- a file is written on a side thread [data]
local name = FILE
local flags = msys.core.O_CREAT | msys.core.O_WRONLY | msys.core.O_TRUNC
local file = msys.core.io_wrapper_open(name, flags, 0600)
eq(file:write("hello there", 5), 5)
eq(file:write(" you"), 4)
eq(msys.readfile(name), "hello you")
local file = msys.core.io_wrapper_open(name, msys.core.O_WRONLY | msys.core.O_APPEND)
file:write("!")
eq(msys.readfile(name), "hello you!")
eq({ msys.core.io_wrapper_open("/dev/null", 1) }, { nil, "/dev/null: is no plain file" })
eq({ msys.core.io_wrapper_open("syslog://x", 1) }, { nil, "syslog://x: only files can be opened here" })

--- lines go to the chunk logger [data]
msys.ts.chunk_logger.log("one")
require("msys.beta.chunk_logger_int").log("two")
--> logged /var/log/chunks 00:00:00: one
--> logged /var/log/chunks 00:00:00: two

--- what is not here says what to use [data]
msys.snmpTrap({})
--> failed msys.snmpTrap is not available here, use
