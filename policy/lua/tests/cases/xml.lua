Documents.

--- a document is read, searched and written [data]
local doc = xml.parsexml([==[<?xml version="1.0"?>
<!-- rules --><rules kind="a&amp;b">
  <rule id="1"><name>one &lt;&#65;</name></rule>
  <rule id='2'><name><![CDATA[two & more]]></name><off/></rule>
</rules>]==])
local root = doc:root()
eq({ root:name(), root:attribute("kind"), root:attr("none") }, { "rules", "a&b", nil })
local names = {}
for node in doc:xpath("/rules/rule/name") do names[#names + 1] = node:contents() end
eq(names, { "one <A", "two & more" })
eq(doc:xpath("//rule[@id='2']/name")():contents(), "two & more")
eq(doc:xpath("//rule[2]/@id")():contents(), "2")
eq(doc:xpath("rule[off]/name", root)():contents(), "two & more")
eq(doc:xpath("//rule[last()]")():attribute("id"), "2")
eq(doc:xpath("//none")(), nil)
local kids = {}
for kid in root:children() do kids[#kids + 1] = kid:name() end
eq(kids, { "rule", "rule" })
eq(doc:xpath("//rule[1]")():tostring(), '<rule id="1"><name>one &lt;A</name></rule>')

--- blanks are kept if they are asked for [data]
eq(tostring(xml.parsexml("<a> <b/> </a>"):root()), "<a><b/></a>")
eq(tostring(xml.parsexml("<a> <b/> </a>", 1)), '<?xml version="1.0"?>\n<a> <b/> </a>\n')

--- a document is edited [data]
local doc = xml.parsexml("<a x='1'><b>old</b></a>")
local root = doc:root()
local b = doc:xpath("/a/b")()
b:contents("new <text>")
b:attribute("y", 2)
root:attribute("x", nil)
local c = root:addchild("c")
c:addchild(b)
eq(root:tostring(), '<a><c><b y="2">new &lt;text&gt;</b></c></a>')
eq(b:unlink():tostring(), '<b y="2">new &lt;text&gt;</b>')
eq(root:tostring(), "<a><c/></a>")
eq({ b:doc() == doc, c:doc() == doc }, { true, true })
eq(select(2, pcall(c.addchild, c, root)):match("its own child"), "its own child")

--- what is no document has its line [data]
for text, reason in pairs({
  ["<a>\n<b></a>"] = "line 2: this end tag closes nothing", ["<a>"] = "line 1: a has no end tag",
  ["x"] = "line 1: text outside of the root", ["<a/><b/>"] = "line 1: a second root",
  ["<a x=1/>"] = 'line 1: expected name="value"', ["<a x='1' x='2'/>"] = "line 1: the attribute x is there twice",
  ["<!DOCTYPE a [<!ENTITY x 'y'>]><a/>"] = "line 1: declarations of a document type are not read here",
  [""] = "line 1: there is no element", ["<a><!-- x</a>"] = "line 1: a comment has no end",
}) do eq({ xml.parsexml(text) }, { nil, reason }) end
eq({ xml.parsexml(("<a>"):rep(300)) }, { nil, "line 1: elements are nested too deep" })

--- a query beyond what is known here is an error [data]
xml.parsexml("<a/>"):xpath("count(//a)")
--> failed is not understood here
