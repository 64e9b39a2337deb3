Requests to HTTP servers.

--- a request and its answer [data]
local client = msys.http.client.new()
client:set_header("X-Token: abc")
eq({ client:do_request("post", "http://www.example/check?x=1", "a=b") }, { true })
eq({ client:get_status() }, { 200, "OK" })
eq(client:get_body(), "hello")
eq(client:get_headers(), { "Content-Type: text/plain", "X-Two: a", "X-Two: b", "Content-Length: 5" })
local fields = client:parse_headers(client:get_headers())
eq({ fields["Content-Type"], fields["X-Two"] }, { "text/plain", "a, b" })
eq(msys.httpclnt.http_status_classifier(200) == msys.delivery.DELIVERY_SUCCESS, true)
eq(msys.httpclnt.http_status_classifier(404) == msys.delivery.DELIVERY_PERMFAILED, true)
--> heard POST /check?x=1 HTTP/1.1\r\nHost: www.example\r\n
--> heard X-Token: abc\r\n
--> heard Content-Length: 3\r\n\r\na=b

--- what cannot be asked has a reason [data]
local client = msys.http.client.new()
eq({ client:do_request("GET", "https://www.example/") }, { nil, "'https://www.example/': https is not available here, use http towards a proxy of your own" })
eq({ client:do_request("GET", "http://none.example/") }, { nil, "none.example: NXDOMAIN" })
eq({ client:do_request("GET", "http://192.0.2.1/") }, { nil, "192.0.2.1:80: connection refused" })
eq(client:get_status(), 0)
client:set_timeout(5)
client:set_timeout()
client:set_header()
client:set_header("no field")
--> failed expected "Name: value"

--- a transfer of curl [data]
local c, body, head = curl.new(), {}, {}
c:setopt(curl.OPT_URL, "http://www.example/")
c:setopt(curl.OPT_HTTPHEADER, "X-A: 1", "X-B: 2")
c:setopt(curl.OPT_USERPWD, "ann:pw")
c:setopt(curl.OPT_WRITEFUNCTION, function(text) body[#body + 1] = text end)
c:setopt(curl.OPT_HEADERFUNCTION, function(text) head[#head + 1] = text end)
eq(c:perform(), true)
eq({ body, head[1], c:getinfo(curl.INFO_RESPONSE_CODE) }, { { "hello" }, "HTTP/1.1 200 OK\r\n", 200 })
c:close()
eq({ curl.escape("a b"), curl.unescape("a%20b") }, { "a%20b", "a b" })
local ok, why = pcall(c.perform, c)
eq(why:match("closed handle"), "closed handle")
--> heard GET / HTTP/1.1\r\n
--> heard X-A: 1\r\nX-B: 2\r\nAuthorization: Basic YW5uOnB3\r\n
