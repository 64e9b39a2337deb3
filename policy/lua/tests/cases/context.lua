-- vctx and ac.

--- dictionaries
vctx:set(msys.core.VCTX_MESS, "a", 5)
vctx:set(msys.core.ECMESS_CTX_CONN, "b", true)
eq(vctx:get(msys.core.VCTX_MESS, "a"), "5")
eq(vctx:get(msys.core.VCTX_CONN, "known"), "yes")
eq(vctx:get(msys.core.VCTX_CONN, "none"), "")
eq(vctx:get(msys.core.VCTX_CONN, nil), "")
eq({ vctx:exists(msys.core.VCTX_MESS, "empty"), vctx:exists(msys.core.VCTX_MESS, "none") }, { 1, 0 })
eq(msg:context_get(msys.core.ECMESS_CTX_MESS, "a"), "5")
eq({ msg:context_exists_and_get(VCTX_MESS, "a") }, { 1, "5" })
eq(select("#", msg:context_exists_and_get(VCTX_MESS, "none")), 2)
eq({ msg:context_delete(VCTX_MESS, "a"), msg:context_delete(VCTX_MESS, "a") }, { 1, 0 })
msg:context_set(VCTX_MESS, "c", "d")
eq(msys.core.ec_message_context_get(msg, VCTX_MESS, "c"), "d")
--> mess c=d
--> conn b=true

--- a code of each form [mailfrom]
vctx:set_code("451", "4.7.1 later\r\nsecond line")
--> code 451 4.7.1 later second line

--- a code that is none
vctx:set_code(99, "x")
--> failed a reply code is a number from 200 to 599

--- no code in set_binding [set_binding]
local ok, err = pcall(function() msg:discard() end)
eq(err:match("cannot change this in this phase") ~= nil, true)

--- disconnect [connect]
vctx:disconnect(421, "4.7.0 go")
return msys.core.VALIDATE_DONE
--> code 421 4.7.0 go
--> disconnect true

--- disconnect as a field [connect]
vctx:set_code(421, "4.7.0 go")
vctx.disconnect = 1
eq(vctx.code, 421)
--> disconnect true

--- tarpit [connect]
vctx:tarpit(1.5)
vctx:tarpit(2)
--> tarpit 3.5

--- recipients [data]
eq(vctx:recipient_list(), { "bob@b.example", "c@c.example" })
vctx:add_recipient("d@d.example,<e@e.example>")
vctx:add_recipient({ "d@d.example" })
vctx:remove_recipient("bob@b.example")
--> recipients c@c.example,d@d.example,e@e.example

--- recipients replaced [data]
vctx:recipient_list({ "x@x.example" })
--> recipients x@x.example

--- the list is final [data_spool]
vctx:add_recipient("d@d.example")
--> failed the list of recipients is final

--- no list in rcptto [rcptto]
vctx:recipient_list()
--> failed vctx:recipient_list cannot be used in rcptto

--- a table of recipients [rcptto_list]
eq(list, { "bob@b.example", "c@c.example" })
vctx:add_recipient("d@d.example")
--> recipients bob@b.example,c@c.example,d@d.example

--- an address that is none
vctx:add_recipient("nobody\r\nRCPT TO:<x@y>")
--> failed is no address of the form local@domain

--- the connection [connect]
eq(ac.protocol, msys.core.P_ESMTP)
eq(tostring(ac.remote_addr), "192.0.2.1:40000")
eq(msys.core.ec_sockaddr_family(ac.remote_addr), msys.core.AF_INET)
eq(type(ac.conn_id), "string")
eq(ac:inbound_session_count(), 3)
eq(ac:inbound_session_count("/24", "SMTP"), 3)
eq({ msys.type(ac), msys.type(vctx), msys.type({}) }, { "ac", "vctx", "table" })
eq(msys.asyncOk(), true)

--- extensions [ehlo]
ac:esmtp_capability_add("XTEST 1")
ac:esmtp_capability_remove("CHUNKING")
eq(tostring(str), "EHLO client.example\r\n")
eq(#str, 21)
--> added XTEST 1
--> removed CHUNKING

--- extensions elsewhere [mailfrom]
ac:esmtp_capability_add("XTEST")
--> failed ac:esmtp_capability_add works in connect and ehlo of an SMTP session only

--- the message behind the session [mailfrom]
local mc = msys.core.accept_construct_get_message_construct(ac)
eq(mc.message:mailfrom(), "ann@a.example")
mc.ctx:set(VCTX_MESS, "via", "mc")
--> mess via=mc

--- the wrong object
ac.get(vctx)
--> failed attempt to call a nil value

--- a method without its colon
vctx.get("x")
--> failed vctx:get was called on a string: write it with a colon
