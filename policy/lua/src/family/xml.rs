//! `xml`: documents, written in Lua (`xml.lua`).

use crate::function::tier2::lua;
use crate::function::{Family, namespace};
use crate::machine::Machine;

pub static FAMILY: Family = Family {
    name: "xml",
    definitions: &[
        lua(
            "xml.parsexml",
            "xml.parsexml(text, [keep_blanks=0])",
            "A document; nil and the reason, with its line, if the text is none.",
        ),
        lua("doc:root", "doc:root()", "The root element."),
        lua("doc:tostring", "doc:tostring()", "The document as text."),
        lua("doc:xpath", "doc:xpath(query, [node])", "Iterates the nodes that a simple XPath names."),
        lua("node:addchild", "node:addchild(tag|node)", "A new element, or one that is moved here."),
        lua("node:attribute", "node:attribute(name, [value|nil])", "Gets, sets or clears an attribute."),
        lua("node:children", "node:children()", "Iterates the children, texts too."),
        lua("node:contents", "node:contents([text])", "The text of a node; sets it."),
        lua("node:doc", "node:doc()", "The document of a node."),
        lua("node:name", "node:name()", "The name of an element; text for a text."),
        lua("node:tostring", "node:tostring()", "The node as text."),
        lua("node:unlink", "node:unlink()", "Takes a node out of its document."),
    ],
    set_up,
};

fn set_up(machine: &Machine) -> mlua::Result<()> {
    let xml = namespace(machine, "xml")?;
    machine.lua.load(include_str!("xml.lua")).set_name("=prelude").call::<()>(xml)
}
