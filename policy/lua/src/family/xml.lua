-- XML 1.0, without declarations of a document type: parsed, edited, written, searched with the simple part of XPath.
-- In Lua, so that it is cut into slices and counted like any script.
local xml = ...
local LARGEST, DEEPEST = 4 * 1024 * 1024, 200

local Node, Doc = {}, {}
Node.__index, Doc.__index = Node, Doc
Node.__type, Doc.__type = "xml_node", "xml_doc"

local NAMED = { lt = "<", gt = ">", amp = "&", quot = '"', apos = "'" }
local function decoded(text)
  return (text:gsub("&(#?x?)(%w+);", function(mark, name)
    if mark == "" then return NAMED[name] end
    local code = tonumber(name, mark == "#x" and 16 or 10)
    if not code or code < 1 or code > 0x10FFFF or (code >= 0xD800 and code < 0xE000) then return nil end
    return utf8.char(code)
  end))
end
local function encoded(text, quote)
  text = text:gsub("&", "&amp;"):gsub("<", "&lt;"):gsub(">", "&gt;")
  if quote then text = text:gsub('"', "&quot;"):gsub("\n", "&#10;"):gsub("\t", "&#9;") end
  return text
end

local function element(tag, owner)
  return setmetatable({ kind = "element", tag = tag, order = {}, values = {}, kids = {}, owner = owner }, Node)
end
local function text_node(text, owner)
  return setmetatable({ kind = "text", text = text, kids = {}, owner = owner }, Node)
end
local function is_name(name) return type(name) == "string" and name:find("^[%a_:\128-\255][%w_:%.%-\128-\255]*$") ~= nil end
local function set(node, name, value)
  if node.values[name] == nil then node.order[#node.order + 1] = name end
  node.values[name] = value
end
local function place(node) -- where it stands among its siblings
  for at, kid in ipairs(node.parent.kids) do if kid == node then return at end end
end
local function adopt(parent, node)
  node.parent = parent
  parent.kids[#parent.kids + 1] = node
end

-- The attributes of a start tag; nil and what is wrong.
local function attributes(node, source)
  local at = 1
  while true do
    at = source:find("%S", at)
    if not at then return true end
    local _, stop, name, quote = source:find("^([^%s=]+)%s*=%s*([\"'])", at)
    local close = stop and source:find(quote, stop + 1, true)
    if not close or not is_name(name) then return nil, "expected name=\"value\"" end
    if node.values[name] ~= nil then return nil, "the attribute " .. name .. " is there twice" end
    local value = source:sub(stop + 1, close - 1)
    if value:find("<", 1, true) then return nil, "'<' in an attribute" end
    set(node, name, decoded(value))
    at = close + 1
  end
end

local function parse(source, keep_blanks)
  local doc = setmetatable({}, Doc)
  local stack, depth, at, top = {}, 0, 1, nil
  local function add_text(text)
    if text == "" then return true end
    local blank = not text:find("%S")
    if depth == 0 then return blank, "text outside of the root" end
    if not blank or keep_blanks then adopt(stack[depth], text_node(text, doc)) end
    return true
  end
  while at <= #source do
    local open = source:find("<", at, true)
    local ok, reason = add_text(decoded(source:sub(at, (open or #source + 1) - 1)))
    if not ok then return nil, reason, at end
    if not open then break end
    if source:sub(open, open + 3) == "<!--" then
      local _, close = source:find("-->", open + 4, true)
      if not close then return nil, "a comment has no end", open end
      at = close + 1
    elseif source:sub(open, open + 8) == "<![CDATA[" then
      local stop, close = source:find("]]>", open + 9, true)
      if not close then return nil, "a CDATA section has no end", open end
      if depth == 0 then return nil, "text outside of the root", open end
      adopt(stack[depth], text_node(source:sub(open + 9, stop - 1), doc))
      at = close + 1
    elseif source:sub(open, open + 1) == "<?" then
      local _, close = source:find("?>", open + 2, true)
      if not close then return nil, "a processing instruction has no end", open end
      at = close + 1
    elseif source:sub(open, open + 1) == "<!" then
      local close = source:find(">", open, true)
      if not close or source:sub(open, close):find("[", 1, true) then
        return nil, "declarations of a document type are not read here", open
      end
      at = close + 1
    elseif source:sub(open, open + 1) == "</" then
      local _, close, name = source:find("^</([^%s>]+)%s*>", open)
      if depth == 0 or name ~= stack[depth].tag then return nil, "this end tag closes nothing", open end
      stack[depth] = nil
      depth = depth - 1
      at = close + 1
    else
      -- A '>' may stand in an attribute.
      local close, quote = open, nil
      repeat
        close = source:find("[>\"']", close + 1)
        local found = close and source:sub(close, close)
        if found and found ~= ">" then close = source:find(found, close + 1, true) end
      until not close or found == ">"
      if not close then return nil, "a tag has no end", open end
      local inner, alone = source:sub(open + 1, close - 1):match("^(.-)(/?)$")
      local tag, rest = inner:match("^(%S+)(.*)$")
      if not is_name(tag) then return nil, "a tag has no name", open end
      local node = element(tag, doc)
      local ok, reason = attributes(node, rest)
      if not ok then return nil, reason, open end
      if depth > 0 then
        adopt(stack[depth], node)
      elseif top then
        return nil, "a second root", open
      else
        top = node
      end
      if alone == "" then
        depth = depth + 1
        if depth > DEEPEST then return nil, "elements are nested too deep", open end
        stack[depth] = node
      end
      at = close + 1
    end
  end
  if depth > 0 then return nil, stack[depth].tag .. " has no end tag", #source end
  if not top then return nil, "there is no element", #source end
  doc.top = top
  return doc
end

function xml.parsexml(source, keep_blanks)
  source = tostring(source)
  if #source > LARGEST then error("xml.parsexml: the text is larger than 4 MiB", 2) end
  local doc, reason, at = parse(source, keep_blanks ~= nil and keep_blanks ~= 0 and keep_blanks ~= false)
  if doc then return doc end
  local _, lines = source:sub(1, at):gsub("\n", "")
  return nil, "line " .. lines + 1 .. ": " .. reason
end

local function check(node, meta, name)
  if type(node) ~= "table" or getmetatable(node) ~= meta then
    error(name .. " was called on a " .. type(node) .. ": write it with a colon", 3)
  end
end

local function write(node, out, depth)
  if depth > DEEPEST then error("xml: elements are nested too deep", 0) end
  if node.kind ~= "element" then
    out[#out + 1] = encoded(node.text)
    return
  end
  out[#out + 1] = "<" .. node.tag
  for _, name in ipairs(node.order) do
    if node.values[name] ~= nil then out[#out + 1] = " " .. name .. '="' .. encoded(node.values[name], true) .. '"' end
  end
  if #node.kids == 0 then
    out[#out + 1] = "/>"
    return
  end
  out[#out + 1] = ">"
  for _, kid in ipairs(node.kids) do write(kid, out, depth + 1) end
  out[#out + 1] = "</" .. node.tag .. ">"
end
local function written(node)
  local out = {}
  write(node, out, 0)
  return table.concat(out)
end
local function texts(node, out, depth)
  if depth > DEEPEST then error("xml: elements are nested too deep", 0) end
  if node.kind ~= "element" then out[#out + 1] = node.text end
  for _, kid in ipairs(node.kids) do texts(kid, out, depth + 1) end
  return out
end
local function contents(node) return table.concat(texts(node, {}, 0)) end

local function each(list)
  local at = 0
  return function()
    at = at + 1
    return list[at]
  end
end

function Doc:root() check(self, Doc, "doc:root") return self.top end
function Doc:tostring() check(self, Doc, "doc:tostring") return '<?xml version="1.0"?>\n' .. written(self.top) .. "\n" end
Doc.__tostring = Doc.tostring

function Node:name() check(self, Node, "node:name") return self.tag or self.kind end
function Node:doc() check(self, Node, "node:doc") return self.owner end
function Node:tostring() check(self, Node, "node:tostring") return written(self) end
Node.__tostring = Node.tostring
function Node:children()
  check(self, Node, "node:children")
  return each({ unpack(self.kids) })
end
function Node:attribute(name, ...)
  check(self, Node, "node:attribute")
  if self.kind ~= "element" then return nil end
  if select("#", ...) == 0 then return self.values[name] end
  local value = ...
  if not is_name(name) then error("node:attribute: '" .. tostring(name) .. "' is no name", 2) end
  if value ~= nil then
    set(self, name, tostring(value))
  elseif self.values[name] ~= nil then
    self.values[name] = nil
    for at, known in ipairs(self.order) do if known == name then table.remove(self.order, at) break end end
  end
end
Node.attr = Node.attribute
function Node:contents(...)
  check(self, Node, "node:contents")
  if select("#", ...) == 0 then return contents(self) end
  local text = tostring((...) or "")
  if self.kind ~= "element" then
    self.text = text
    return
  end
  for _, kid in ipairs(self.kids) do kid.parent = nil end
  self.kids = {}
  if text ~= "" then adopt(self, text_node(text, self.owner)) end
end
function Node:unlink()
  check(self, Node, "node:unlink")
  if self.parent then
    table.remove(self.parent.kids, place(self))
    self.parent = nil
  end
  return self
end
function Node:addchild(value)
  check(self, Node, "node:addchild")
  if self.kind ~= "element" then error("node:addchild: a text has no children", 2) end
  local child = value
  if type(value) == "string" then
    if not is_name(value) then error("node:addchild: '" .. value .. "' is no name", 2) end
    child = element(value, self.owner)
  else
    check(value, Node, "node:addchild's argument")
    local above = self
    while above do
      if above == value then error("node:addchild: a node cannot be its own child", 2) end
      above = above.parent
    end
    value:unlink()
  end
  adopt(self, child)
  return child
end

-- XPath: /a//b/@c, *, ., .., text(), and conditions [2], [last()], [@a], [@a='v'], [b], [b='v'], [text()='v'].
local function descend(node, out)
  out[#out + 1] = node
  for _, kid in ipairs(node.kids) do descend(kid, out) end
  return out
end
local function step(node, test, out)
  if test == "." then
    out[#out + 1] = node
  elseif test == ".." then
    out[#out + 1] = node.parent
  elseif test:sub(1, 1) == "@" then
    if node.kind ~= "element" then return end
    for _, name in ipairs(node.order) do
      if node.values[name] ~= nil and (test == "@*" or test == "@" .. name) then
        out[#out + 1] = setmetatable({ kind = "attribute", tag = name, text = node.values[name], kids = {}, owner = node.owner }, Node)
      end
    end
  else
    for _, kid in ipairs(node.kids) do
      local fits = test == "node()" or (test == "text()" and kid.kind == "text")
        or (kid.kind == "element" and (test == "*" or test == kid.tag))
      if fits then out[#out + 1] = kid end
    end
  end
end
local function meets(node, condition, at, count)
  if condition:find("^%d+$") then return at == tonumber(condition) end
  if condition == "last()" then return at == count end
  local test, quote, value = condition:match("^([^=%s]+)%s*=%s*(['\"])(.*)%2$")
  if test == "." then return contents(node) == value end
  local found = {}
  step(node, test or condition, found)
  if not test then return #found > 0 end
  for _, one in ipairs(found) do if contents(one) == value then return true end end
  return false
end
local function is_test(test)
  return test == "." or test == ".." or test == "*" or test == "@*" or test == "text()" or test == "node()"
    or is_name((test:gsub("^@", "")))
end
function Doc:xpath(query, from)
  check(self, Doc, "doc:xpath")
  query = tostring(query)
  local unknown = "doc:xpath: '" .. query:sub(1, 200) .. "' is not understood here"
  if from ~= nil then check(from, Node, "doc:xpath's node") end
  -- Above the root there is the document.
  local above = { kind = "document", kids = { self.top }, order = {}, values = {} }
  local nodes = { query:sub(1, 1) ~= "/" and from or above }
  local at, steps = 1, 0
  if query:sub(1, 1) ~= "/" then query = "/" .. query end
  while at <= #query do
    local slashes, test, stop = query:match("^(//?)([^/%[%]]+)()", at)
    steps = steps + 1
    if not test or not is_test(test) or steps > 100 then error(unknown, 2) end
    at = stop
    local starts = {}
    for _, node in ipairs(nodes) do
      if slashes == "//" then descend(node, starts) else starts[#starts + 1] = node end
    end
    local conditions = {}
    while query:sub(at, at) == "[" do
      local close = query:find("]", at, true)
      local condition = close and query:sub(at + 1, close - 1)
      if not condition or not (condition:find("^%d+$") or condition == "last()"
        or is_test(condition:match("^([^=%s]+)%s*=%s*(['\"]).*%2$") or condition)) then error(unknown, 2) end
      conditions[#conditions + 1] = condition
      at = close + 1
    end
    local seen, next_nodes = {}, {}
    for _, node in ipairs(starts) do
      local found = {}
      step(node, test, found)
      for _, condition in ipairs(conditions) do
        local kept = {}
        for number, one in ipairs(found) do
          if meets(one, condition, number, #found) then kept[#kept + 1] = one end
        end
        found = kept
      end
      for _, one in ipairs(found) do
        if not seen[one] and one.kind ~= "document" then
          seen[one] = true
          next_nodes[#next_nodes + 1] = one
        end
      end
    end
    nodes = next_nodes
  end
  return each(nodes)
end
