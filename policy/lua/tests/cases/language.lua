-- The dialect and the libraries, as they run.

--- operators of the dialect
eq(6 & 3, 2) eq(6 | 1, 7) eq(6 ^^ 3, 5) eq(1 << 4, 16) eq(256 >> 4, 16) eq(~0, -1) eq(7 \ 2, 3) eq(-7 \ 2, -4)
eq(0644, 420) eq("\x41\u00e9", "A\195\169") eq(1 != 2, true) eq("3" | 4, 7) eq(1 << 40, 1099511627776)
eq(msys.core.O_CREAT | msys.core.O_APPEND, 1088)

--- metamethods of the operators
local meta = {}
meta.__and = function(a, b) return "and" end
meta.__or = function(a, b) return "or" end
meta.__xor = function(a, b) return "xor" end
meta.__shl = function(a, b) return "shl" end
meta.__shr = function(a, b) return "shr" end
meta.__not = function(a) return "not" end
meta.__intdiv = function(a, b) return "intdiv" end
local o = setmetatable({}, meta)
eq({ o & 1, 1 | o, o ^^ o, o << 1, o >> 1, ~o, o \ 2 }, { "and", "or", "xor", "shl", "shr", "not", "intdiv" })

--- bitwise arithmetic on what is no number
local x = {} | 1
--> failed /site/case.lua:1: attempt to perform bitwise arithmetic on a table value

--- iterators of objects
local o = setmetatable({ 1, 2, 3 }, { __iter = function(self) return ipairs(self) end })
local sum = 0
for _, v in o do sum = sum + v end
eq(sum, 6)

--- functions of Lua 5.1
eq(math.mod(7, 3), 1)
local words = {}
for word in string.gfind("a b", "%a") do words[#words + 1] = word end
eq(words, { "a", "b" })
eq(table.getn({ 1, 2 }), 2)
eq(loadstring("return 1 + ...")(2), 3)
local f, err = loadstring("return +", "chunk")
eq({ f, err }, { nil, "chunk:1: unexpected symbol near '+'" })
eq(unpack({ 1, 2 }), 1)
eq(tonumber("010"), 8) eq(tonumber("0x10"), 16) eq(tonumber("-010"), -8) eq(tonumber("09"), 9) eq(tonumber("z", 36), 35)
local function va(...) return arg.n, arg[1] end
eq({ va("x", nil) }, { 2, "x" })
eq(debug.getinfo(1, "l").currentline, 13)
eq(pcall(error, "x"), false)

--- errors are texts with their line
local ok, err = pcall(function() error("boom") end)
eq(err, "/site/case.lua:1: boom")
local ok, err = pcall(function() vctx:set(99, "a", "b") end)
eq(err, "/site/case.lua:3: the first argument is msys.core.VCTX_MESS or msys.core.VCTX_CONN")
local ok, err = pcall(error, { code = 5 })
eq(err.code, 5)

--- an error names the file, the line and the stack
local function inner() local t = nil; return t.x end
local x = inner()
--> failed validate_data of module case: /site/case.lua:1: attempt to index nil with 'x'
--> failed stack: /site/case.lua:1

--- a missing verdict is an error
return
--> failed must return msys.core.VALIDATE_CONT or msys.core.VALIDATE_DONE

--- done ends the phase
vctx:set_code(550, "5.7.1 no")
return msys.core.VALIDATE_DONE
--> done
--> code 550 5.7.1 no

--- modules of the site
local rules = require "lib.rules"
eq(rules.twice(4), 8)
eq(lib.rules.twice(5), 10)
eq(require("lib.rules") == rules, true)

--- modules of the product need no require and bear one
require("msys.core") require("msys.extended.message") require("msys.extended.vctx") require("msys.extended.ac")
eq(type(msys.core.VALIDATE_CONT), "number")

--- a module that is not there
local ok, err = pcall(require, "no.such")
eq(ok, false)
eq(err:match("^[^:]+: module 'no.such' not found") or err:match("^module 'no.such' not found: no file '/site/no/such.lua'") != nil, true)

--- a module that breaks
local ok, err = pcall(require, "lib.broken")
eq(err, "/site/lib/broken.lua:3: boom")

--- storage of the session
self.a = (self.a or 0) + 1
_TLS.b = "x"
eq(self.a, 1) eq(_TLS.b, "x") eq(_TLS.none, nil)

--- coroutines of the script, with the engine's waits inside
local co = coroutine.create(function(a)
  local b = coroutine.yield(a + 1)
  msys.sleep(2)
  return b * 2
end)
eq({ coroutine.resume(co, 1) }, { true, 2 })
eq({ coroutine.resume(co, 5) }, { true, 10 })
eq(coroutine.status(co), "dead")
local gen = coroutine.wrap(function() for i = 1, 3 do coroutine.yield(i) end end)
eq({ gen(), gen(), gen() }, { 1, 2, 3 })
--> paused 2

--- waiting inside of pcall and of a loop
local ok, result = pcall(function() msys.sleep(0.5) return msys.dnsLookup("two.example") end)
eq(ok, true) eq(result, { "192.0.2.1", "192.0.2.2" })
for i = 1, 3 do msys.sleep(1) end
--> paused 3.5

--- yielding to the engine
coroutine.yield(1)
--> failed attempt to yield outside of a coroutine of the script

--- lines in the panic log
print("a", 1, nil, true)
--> reported scriptlet: a	1	nil	true

--- nothing of the outside is left
eq({ io, os.execute, os.exit, os.remove, dofile, loadfile, package.loadlib, debug.sethook, debug.getregistry }, {})

--- patterns in long texts are matched in slices, and find what they find in short ones [data]
local long = ("word, "):rep(200) .. "key = value; rest"
assert(select("#", string.find(long, "nothing (here)")) == 1)
local first, last, key, value = string.find(long, "(%w+) = (%w+)")
vctx:set(VCTX_MESS, "found", first .. " " .. last .. " " .. key .. " " .. value)
vctx:set(VCTX_MESS, "match", (string.match(long, "^(.-),%s*(.-);")))
local words = 0
for word, comma in string.gmatch(long, "(%a+)(,?)") do words = words + (comma == "," and 1 or 0) end
vctx:set(VCTX_MESS, "words", words)
local text, count = string.gsub(long, "(%w+),%s*", "%1%%", 3)
vctx:set(VCTX_MESS, "text", text:sub(1, 20) .. count)
vctx:set(VCTX_MESS, "all", select(2, string.gsub(long, "%w*", "")))
vctx:set(VCTX_MESS, "anchored", select(2, string.gsub(long, "^(%w+),%s*", {})))
local ok, why = pcall(string.find, long, "(.-%w+")
vctx:set(VCTX_MESS, "why", why:match("[^:]+$"))
local ok, why = pcall(string.gsub, long, "(.-),", function() return {} end)
vctx:set(VCTX_MESS, "bad", why:match("invalid.*$"))
--> mess found=1201 1211 key value
--> mess match=word
--> mess words=200
--> mess text=word%word%word%word,3
--> mess all=609
--> mess anchored=1
--> mess why= unfinished capture
--> mess bad=invalid replacement value (a table)

--- what a replacement calls may wait, in a long text too [data]
local seen = 0
local text = string.gsub(("x"):rep(4000) .. "yz", ".-y", function(found)
  msys.sleep(1)
  seen = seen + 1
  return #found
end)
vctx:set(VCTX_MESS, "text", text .. " " .. seen)
--> mess text=4001z 1

--- sorting is stable, and may wait between two comparisons [data]
local list = {}
for i = 1, 1000 do list[i] = { key = i % 7, number = i } end
table.sort(list, function(a, b) return a.key < b.key end)
local right = true
for i = 2, 1000 do
  local a, b = list[i - 1], list[i]
  right = right and (a.key < b.key or a.key == b.key and a.number < b.number)
end
vctx:set(VCTX_MESS, "right", tostring(right))
--> mess right=true
