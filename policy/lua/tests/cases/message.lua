-- msg and msgpart.

--- what is only read leaves the message as it is
eq(msg:header("subject"), { "grüße" })
eq(msg:header("X-Test"), { "one", "two" })
eq(msg:header("none"), {})
eq(msg:address_header("From", "user"), { "ann" })
eq(msg:address_header("From", "detail"), { "list" })
eq(msg:address_header("To"), { "bob@b.example", "c@c.example" })
eq(msg:address_header("To", "domain"), { "b.example", "c.example" })
eq(msg:text(), "schön und gut")
eq(msg:mailfrom(), "ann@a.example")
eq(msg:get_message_size(), #msg:raw())
eq({ type(msg.id), type(msg.batch_id), type(msg.conn_id) }, { "string", "string", "string" })
eq(msg:reception_peer(), "192.0.2.1:40000") eq(msg:reception_peer("ip"), "192.0.2.1") eq(msg:listener_addr("port"), "25")
local count, part = 0, msg:mime()
local types = {}
while part do types[#types + 1] = part:content_type().mimetype part = part.thread end
eq(types, { "multipart/mixed", "text/plain", "application/pdf" })
eq(msg:body():sub(1, 8), "--edge\r\n")
--> untouched

--- headers set, added, deleted
eq(msg:header("X-New", "a"), true)
eq(msg:header("X-Test", "three"), true)
eq(msg:header("Subject", "äß"), true)
eq(msg:header("To", ""), true)
msg:header("X-Many", { "1", "2" })
msg:header("X-Top", "t", "prepend")
msg:header("X-Many", "3", "append")
eq(msg:header("X-Many"), { "1", "2", "3" })
eq(msg:header("Subject"), { "äß" })
--> content X-New: a\r\n
--> content X-Test: three\r\n
--> content X-Top: t\r\nReceived:
--> lacks X-Test: one
--> lacks To:
--> content sch=F6n und gut\r\n--edge

--- no second field in a value
msg:header("X-New", "a\r\nBcc: x@y")
--> failed line end

--- no change of the content before it is there [rcptto]
msg:header("X-New", "a")
--> failed msg:header cannot change this in this phase

--- body
msg:body("line\nsecond\r\n.\r\n")
eq(msg:body(), "line\r\nsecond\r\n")
--> content two\r\nMIME-Version
--> content \r\n\r\nline\r\nsecond\r\n

--- raw
msg:raw("A: b\r\n\r\nc\r\n")
eq(msg:header("A"), { "b" })
--> content A: b\r\n\r\nc\r\n

--- text of the whole message
msg:text("Hallö\n", "text/html", "iso-8859-1")
eq(msg:text(), "Hallö\r\n")
--> content Content-Type: text/html; charset=iso-8859-1
--> lacks --edge

--- patterns over the message
local m = msg:raw_match("X-Test: (?P<word>\\w+)")
eq(m[0], "X-Test: one") eq(m[1], "one") eq(m.word, "one")
eq(msg:body_match("nowhere"), false)
eq(msg:body_match("sch=F6n")[0], "sch=F6n")
eq(msg:text_match("sch(ö)n")[1], "ö")
eq(msg:body_replace("gut", "fein"), true)
eq(msg:body_replace("gut", "fein"), false)
eq(msg:text_replace("schön", "grün"), true)
eq(msg:raw_replace("(?m)^X-Test: (\\w+)", "X-Neu: <$1>"), true)
--> content X-Neu: <one>\r\nX-Neu: <two>
--> content gr=FCn und fein

--- parts
local top = msg:mime(false)
local text = top.thread
eq(text:text(), "schön und gut")
eq(text:content_type(), { mimetype = "text/plain", charset = "iso-8859-1", encoding = "quoted-printable", is_attachment = false })
eq(text.thread:content_type().filename, "a.pdf")
text:text("neu")
text:header("X-Part", "1")
eq(text:header("X-Part"), { "1" })
text:header("Content-Language", nil)
eq(text.thread:unlink(), true)
local part = msg:makePart("text/plain", "extra", msys.core.EC_MIME_TE_7BIT)
eq(top:addLastChild(part), true)
local box = msg:makeContainer("multipart/alternative", "inner")
box:insertBefore(part)
local leaf = msg:makePart("text/plain", "leaf")
eq(box:addFirstChild(leaf), true)
eq(leaf.parent == box, true)
eq(top:text(), nil)
--> content neu
--> content X-Part: 1
--> content extra
--> content --inner\r\n
--> lacks a.pdf

--- a part that may not be changed
msg:mime().thread:text("x")
--> failed msgpart:text: the part is read-only, msg:mime(false) gives changeable ones

--- a part of a content that was replaced
local part = msg:mime(false).thread
msg:body("x")
part:text("y")
--> failed the content was replaced since the part was taken

--- patterns over parts
local text = msg:mime(false).thread
eq(text:body_match("F6")[0], "F6") eq(text:raw_match("iso-(\\d+)")[1], "8859") eq(text:text_match("ö")[0], "ö")
text:body_replace("gut", "GUT") text:raw_replace("quoted", "quoted") text:text_replace("schön", "x")
--> content x und GUT

--- a boundary
local a, b = msg:makeBoundary(), msg:makeBoundary()
eq(a ~= b, true)

--- the envelope of a copy [each_rcpt]
eq(msg:rcptto(), "bob@b.example")
eq(msg:mailfrom("new@a.example"), "new@a.example")
eq(msg:rcptto("<x@x.example>"), "x@x.example")
eq(msg:routing_domain("Gate.Example"), "gate.example")
local l, d = msys.core.string_new(), msys.core.string_new()
msg:get_envelope2(msys.core.EC_MSG_ENV_TO, l, d)
eq({ tostring(l), tostring(d) }, { "x", "x.example" })
msg:get_envelope2(msys.core.EC_MSG_ENV_FROM | msys.core.EC_MSG_ENV_COMPLETE, l, d)
eq(tostring(l), "new@a.example")
msg:code(0, "550 5.1.1 gone")
eq(msg:get_code(), "550 5.1.1 gone")
--> sender new@a.example
--> recipient x@x.example
--> routing gate.example
--> status 550 5.1.1 gone

--- no rewriting at rcptto [rcptto]
msg:rcptto("x@x.example")
--> failed msg:rcptto cannot change this in this phase

--- binding [set_binding]
eq(msg:binding(), nil)
eq(msg:binding("fast"), "fast")
eq(msg.priority, 0)
msg.priority = 1
--> binding fast
--> priority true

--- binding group [set_binding]
msg:binding_group("pool")
--> group pool

--- binding elsewhere [data]
msg:binding("fast")
--> failed msg:binding cannot change this in this phase

--- discard
msg:discard()
--> discard 550 5.7.0 discarded by policy

--- discard with a reason
msg:discard("554 5.7.1 spam")
--> discard 554 5.7.1 spam

--- discard with a reason without a code
msg:discard("spam")
--> discard 550 5.7.1 [internal] discarded by policy

--- forward
msg:forward("me@a.example", "x@x.example, y@y.example", "see below\n")
--> outgoing me@a.example > x@x.example,y@y.example
--> outgoing_content Subject: Fwd:
--> outgoing_content see below\r\n
--> outgoing_content X-Test: one\r\nX-Test: two
--> untouched

--- a message of the script's own
local m = msys.core.ec_message_new(nil)
m:build({ From = "a@a.example", To = "b@b.example", Subject = "grün" },
  { ["text/plain"] = "plain\n", ["text/html"] = "<p>rich</p>" },
  { { type = "application/pdf", name = "x.pdf", content = "PDF" } })
eq(m:header("Subject"), { "grün" })
eq(m:mime():content_type().mimetype, "multipart/mixed")
eq(m:text(), { "plain\r\n", "<p>rich</p>" })
eq(m:inject("a@a.example", "b@b.example"), true)
--> injected a@a.example > b@b.example
--> untouched

--- a copy
local c = msg:copy()
c:header("X-Copy", "1")
c:inject("", "z@z.example")
eq(c.recv_method, msys.core.P_INTERNAL)
--> injected  > z@z.example
--> untouched
