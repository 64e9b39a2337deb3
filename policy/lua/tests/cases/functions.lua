-- msys.*

--- names
eq(msys.dnsLookup("two.example"), { "192.0.2.1", "192.0.2.2" })
eq(msys.dnsLookup("mx.example", "mx"), { "mail.mx.example" })
eq(msys.dnsLookup("mx.example", "MX", { priority = true }), { { pref = 10, value = "mail.mx.example" } })
eq(msys.dnsLookup("text.example", "TXT"), { "v=spf1 -all" })
eq({ msys.dnsLookup("none.example") }, { nil, "NXDOMAIN" })
eq({ msys.dnsLookup("slow.example", "A") }, { nil, "TIMEOUT" })

--- a record that is none
msys.dnsLookup("a", "XYZ")
--> failed /site/case.lua:1: msys.dnsLookup: 'XYZ' is none of

--- waiting where nobody may wait [final_validation]
local ok, err = pcall(msys.sleep, 1)
eq({ ok, err:match("cannot wait in this phase") }, { false, "cannot wait in this phase" })
eq(msys.asyncOk(), false)

--- pools
local ok, a, b = msys.runInPool("IO", function() msys.sleep(1) return 1, 2 end)
eq({ ok, a, b }, { true, 1, 2 })
local ok, err = msys.runInPool("CPU", function() error("x") end)
eq({ ok, err }, { false, "/site/case.lua:3: x" })
local got
msys.runInPool("IO", function() return 5 end, function(ok, value) got = { ok, value } end)
eq(got, { true, 5 })
--> paused 1

--- base64 and quoted-printable
eq(msys.base64.encode("Hello"), "SGVsbG8=")
eq(msys.base64.decode("SGVs\r\nbG8="), "Hello")
eq(#msys.base64.encode(("x"):rep(100), true):match("^(.-)\r\n"), 76)
eq(msys.base64.decode("9g==", "iso-8859-1"), "ö")
eq(pcall(msys.base64.decode, "!!"), false)
eq(msys.qp.encode("a=b"), "a=3Db")
eq(msys.qp.decode("a=3Db"), "a=b")
eq(msys.qp.encode("ö", "iso-8859-1"), "=F6")
eq(pcall(msys.qp.decode, "=ZZ"), false)

--- patterns
local m = msys.pcre.match("key=value", "(?P<k>\\w+)=(\\w+)")
eq({ m[0], m[1], m[2], m.k }, { "key=value", "key", "value", "key" })
eq(msys.pcre.match("a", "b"), nil)
local none, text, number = msys.pcre.match("a", "(")
eq({ none, type(text), type(number) }, { nil, "string", "number" })
eq(msys.pcre.replace("a1b22", "\\d+", "<$0>"), "a<1>b<22>")
eq(msys.pcre.split("a, b,c", ",\\s*"), { "a", "b", "c" })

--- addresses, macros, options
eq(msys.parseRFC2822Addresses("A <a+x@b.example>, g: c@d.example;", "detail"), { "x" })
eq(msys.parseRFC2822Addresses("A <a+x@b.example>, c@d.example", "all"), { "a+x@b.example", "c@d.example" })
eq(msys.expandMacro("%{vctx_conn:known} %{vctx_mess:none}|%{i} %{t} %{what}"), "yes |192.0.2.1 0 %{what}")
eq(msys.expandMacro("%{rfc822:date}"), "Thu, 01 Jan 1970 00:00:00 +0000")
eq(msys.expandMacro("%{rfc2822:body,1}"), "--edge\r\n")
eq(msys.config("get", "binding", "default", "max_retries"), "7")
eq(msys.config("get", "none"), nil)
eq(msys.core.get_now_ts(), 0)

--- strings of the host
local s = msys.core.string_new()
s:write("abcdef", 3)
s:write("x", 99)
eq({ tostring(s), s.buffer, #s, s .. "!" }, { "abcx", "abcx", 4, "abcx!" })
s:set("new")
eq(tostring(s), "new")

--- values as source
eq(msys.dumper.Dumper({ 1, a = "b" }), "return {\n  [1] = 1,\n  a = \"b\",\n}")

--- what is not here says what to use
msys.cloudmark.score(msg)
--> failed msys.cloudmark.score is not available here, use msys.av.scan

--- files
eq(msys.readfile("/proc/self/comm") ~= nil, true)
local text, err = msys.readfile("/no/such/file")
eq({ text, err:match("No such file") }, { nil, "No such file" })
