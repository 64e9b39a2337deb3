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

--- counters
local c = msys.counter.open("site/seen", msys.counter.STRICT)
msys.counter.inc(c) msys.counter.add("site/seen", 4) msys.counter.add(c, -1)
eq(msys.counter.read("site/seen"), 4)
msys.counter.reset(c)
eq(msys.counter.read(c), 0)

--- gauges and series
msys.gauge_cache.define("g", 100, 60)
msys.gauge_cache.inc("g", "k") msys.gauge_cache.inc("g", "k") msys.gauge_cache.dec("g", "k")
eq({ msys.gauge_cache.get("g", "k"), msys.gauge_cache.get("g", "other") }, { 1, 0 })
msys.gauge_cache.remove_item("g", "k")
eq(msys.gauge_cache.get("g", "k"), 0)
msys.audit_series.define("s", "cidr", 10, 6)
msys.audit_series.add("s") msys.audit_series.add("s", { count = 4, key = ac }) msys.audit_series.add("s", "192.0.2.9")
eq({ msys.audit_series.count("s"), msys.audit_series.count("s", "192.0.2.9") }, { 5, 1 })
msys.sleep(10)
msys.audit_series.add("s")
eq({ msys.audit_series.count("s"), msys.audit_series.count("s", { startv = 1, endv = 1 }), msys.audit_series.count("s", { endv = 5 }) }, { 1, 5, 6 })
msys.audit_series.define("t", "string", 10, 2)
eq(select(2, pcall(msys.audit_series.add, "t")):match("a key is needed"), "a key is needed")
eq(select(2, pcall(msys.audit_series.count, "none")):match("was not defined"), "was not defined")

--- json
local o = json.decode('{"a": [1, 2.5, "x"], "b": {"c": true}, "n": null, "e": []}')
eq({ o.a[1], o.a[2], o.a[3], o.b.c, o.n }, { 1, 2.5, "x", true, nil })
o.b.d = { 1, 2 }
eq(tostring(o), '{"a":[1,2.5,"x"],"b":{"c":true,"d":[1,2]},"e":[]}')
eq(tostring(json.encode({ x = 1 })), '{"x":1}')
local n = json.new() n.k = "v"
eq(tostring(n), '{"k":"v"}')
local none, code, text = json.decode("{")
eq({ none, json.strerror(code), type(text) }, { nil, "unexpected end of the text", "string" })
local deep = {} deep.deep = deep
eq(select(2, pcall(json.encode, deep)):match("nesting too deep") , "nesting too deep")

--- a datasource
msys.db.execute("site", "delete from users")
msys.db.execute("site", "insert into users values (?, ?)", { "ann", 3 })
msys.db.execute("site", "insert into users values (:name, :quota)", { name = "bob", quota = 7, unused = 1 })
local sum = 0
for row in msys.db.query("site", "select name, quota from users order by name") do sum = sum + row.quota end
eq(sum, 10)
eq(msys.db.fetch_row("site", "select quota as q from users where name = ?", { "bob" }).q, 7)
eq(msys.db.fetch_row("site", "select 1 from users where name = 'x'"), nil)
local none, err = msys.db.query("site", "select nothing", nil, { raise_error = false })
eq({ none, type(err), err:match("nothing") }, { nil, "string", "nothing" })
eq(select(2, pcall(msys.db.query, "site", "nonsense")):match("syntax error"), "syntax error")
eq(select(2, pcall(msys.db.query, "none", "select 1")):match('there is no Datasource "none"'), 'there is no Datasource "none"')

--- a signature [final_validation]
msys.validate.opendkim.sign(msg, vctx, { signing_domain = "a.example", selector = "s1", keybuf = KEY, header_canon = "relaxed" })
--> content DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/simple; d=a.example; s=s1;

--- a signature that verifies
local ok = msys.validate.opendkim.sign(msg, vctx, { selector = "s1", keybuf = KEY })
local dkim, stat = msys.validate.opendkim.verify(msg)
eq(stat, msys.validate.opendkim.DKIM_STAT_OK)
eq(msys.validate.opendkim.get_num_sigs(dkim), 1)
local sig, stat = msys.validate.opendkim.get_sig(dkim, 0)
eq(stat, 0)
eq(msys.validate.opendkim.get_sig_domain(sig), "a.example")
eq(msys.validate.opendkim.get_sig_selector(sig), "s1")
eq(msys.validate.opendkim.get_sig_canons(sig), "simple/simple")
eq(msys.validate.opendkim.get_sig_signalg(sig), "rsa-sha256")
eq(msys.validate.opendkim.get_sig_identity(dkim, sig), "@a.example")
eq(msys.validate.opendkim.get_sig_keysize(sig), 2048)
eq(msys.validate.opendkim.get_sig_hdrsigned(sig, "From"), true)
eq(msys.validate.opendkim.get_sig_flags(sig) & 4, 4)
msg:body("changed\r\n")
local dkim, stat = msys.validate.opendkim.verify(msg)
eq(stat, msys.validate.opendkim.DKIM_STAT_BADSIG)
eq(msys.validate.opendkim.get_sig_errorstr(msys.validate.opendkim.get_sig(dkim)), "body hash did not verify")

--- no signature where the content is final [set_binding]
eq(select(2, pcall(msys.validate.opendkim.sign, msg, nil, { selector = "s", keybuf = "x" })):match("cannot change the message"), "cannot change the message")

--- engines
eq(msys.av.engines(), {})
eq({ msys.av.scan() }, { msys.core.EC_AV_NO_ENGINE, "" })
eq({ msys.av.scan(("x"):rep(41), msg, vctx) }, { msys.core.EC_AV_NAME_TOO_LONG, "" })
eq({ msys.av.scan_part(msg:mime()) }, { msys.core.EC_AV_PART_IS_CONTAINER, "" })
eq({ msys.av.scan_part(msg:mime().thread, "clamav") }, { msys.core.EC_AV_NO_ENGINE, "" })
eq(select(2, pcall(msys.av.scan_part)):match("needs a part"), "needs a part")
