//! Encodings and patterns: base64, quoted-printable, PCRE.

use crate::function::tier1::now;
use crate::function::{Definition, Family, Soon, nothing};
use crate::pattern::{compile, compiled, matched, replaced, searching, split};
use crate::value::{Octets, Text, one};
use content::{charset, transfer};
use mlua::{Error, FromLuaMulti, Lua, MultiValue, Value};

pub static FAMILY: Family = Family {
    name: "text",
    definitions: &[
        now(
            "msys.base64.encode",
            "msys.base64.encode(octets, [fold], [charset])",
            "Base64; fold breaks lines at 76.",
            base64_encode,
        ),
        now(
            "msys.base64.decode",
            "msys.base64.decode(text, [charset])",
            "The octets, as UTF-8 if a character set is named.",
            base64_decode,
        ),
        now(
            "msys.qp.encode",
            "msys.qp.encode(octets, [charset], [dotstuffing])",
            "Quoted-printable.",
            qp_encode,
        ),
        now(
            "msys.qp.decode",
            "msys.qp.decode(text, [charset])",
            "The octets, as UTF-8 if a character set is named.",
            qp_decode,
        ),
        Definition::perhaps(
            "msys.pcre.match",
            "msys.pcre.match(subject, pattern)",
            "Captures by number and name; nil without a match, and the error of a wrong pattern.",
            pcre_match,
        ),
        Definition::perhaps(
            "msys.pcre.replace",
            "msys.pcre.replace(subject, pattern, replacement)",
            "All matches replaced; $n are captures.",
            pcre_replace,
        ),
        Definition::perhaps(
            "msys.pcre.split",
            "msys.pcre.split(subject, pattern)",
            "The pieces between matches.",
            pcre_split,
        ),
    ],
    set_up: nothing,
};

fn into_charset(octets: Vec<u8>, set: Option<Text>) -> mlua::Result<Vec<u8>> {
    let Some(set) = set.filter(|set| !set.0.eq_ignore_ascii_case("utf-8")) else { return Ok(octets) };
    let text = String::from_utf8_lossy(&octets);
    charset::encode(&text, &set.0)
        .ok_or_else(|| Error::runtime(format!("the text cannot be written in {}", set.0)))
}

fn from_charset(octets: Vec<u8>, set: Option<Text>) -> Vec<u8> {
    match set.filter(|set| !set.0.eq_ignore_ascii_case("utf-8")) {
        Some(set) => charset::decode(&octets, &set.0).into_bytes(),
        None => octets,
    }
}

fn base64_encode(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (octets, fold, set) = <(Octets, Option<bool>, Option<Text>)>::from_lua_multi(arguments, lua)?;
    let mut encoded = transfer::encode_base64(&into_charset(octets.0, set)?);
    if !fold.unwrap_or(false) {
        encoded.retain(|byte| !byte.is_ascii_whitespace());
    }
    one(lua, lua.create_string(&encoded)?)
}

fn base64_decode(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (text, set) = <(Octets, Option<Text>)>::from_lua_multi(arguments, lua)?;
    let digits = text.0.iter().filter(|byte| !byte.is_ascii_whitespace()).count();
    let right = text
        .0
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || byte.is_ascii_whitespace() || b"+/=".contains(byte));
    if !right || digits % 4 == 1 {
        return Err(Error::runtime("msys.base64.decode: the text is not base64"));
    }
    one(lua, lua.create_string(from_charset(transfer::decode_base64(&text.0), set))?)
}

fn qp_encode(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (octets, set, stuff) = <(Octets, Option<Text>, Option<bool>)>::from_lua_multi(arguments, lua)?;
    let mut encoded = transfer::encode_quoted_printable(&into_charset(octets.0, set)?);
    if stuff.unwrap_or(false) {
        let lines = encoded.split_inclusive(|byte| *byte == b'\n');
        encoded = lines
            .flat_map(|line| [if line.starts_with(b".") { &b"."[..] } else { b"" }, line])
            .flatten()
            .copied()
            .collect();
    }
    one(lua, lua.create_string(&encoded)?)
}

fn qp_decode(lua: &Lua, arguments: MultiValue) -> mlua::Result<MultiValue> {
    let (text, set) = <(Octets, Option<Text>)>::from_lua_multi(arguments, lua)?;
    let wrong = text.0.iter().enumerate().filter(|(_, byte)| **byte == b'=').any(|(at, _)| {
        let next = |ahead: usize| text.0.get(at + ahead).copied();
        let line_end = matches!(next(1), Some(b'\r' | b'\n' | b' ' | b'\t') | None);
        let digits =
            next(1).is_some_and(|b| b.is_ascii_hexdigit()) && next(2).is_some_and(|b| b.is_ascii_hexdigit());
        !line_end && !digits
    });
    if wrong {
        return Err(Error::runtime("msys.qp.decode: the text is not quoted-printable"));
    }
    one(lua, lua.create_string(from_charset(transfer::decode_quoted_printable(&text.0), set))?)
}

fn pcre_match(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (subject, pattern) = <(Octets, Text)>::from_lua_multi(arguments, lua)?;
    let regex = match compile(lua, &pattern.0, false)? {
        Ok(regex) => regex,
        Err((text, number)) => {
            let text = Value::String(lua.create_string(&text)?);
            return Ok(Soon::Now(MultiValue::from_iter([Value::Nil, text, Value::Number(number as f64)])));
        }
    };
    let length = subject.0.len();
    searching(
        lua,
        "msys.pcre.match",
        length,
        move || matched(&regex, &subject.0),
        |lua, found| one(lua, found.map(|found| found.table(lua)).transpose()?),
    )
}

fn pcre_replace(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (subject, pattern, replacement) = <(Octets, Text, Octets)>::from_lua_multi(arguments, lua)?;
    let (regex, length) = (compiled(lua, &pattern.0, false)?, subject.0.len());
    searching(
        lua,
        "msys.pcre.replace",
        length,
        move || Ok(replaced(&regex, &subject.0, &replacement.0)?.unwrap_or(subject.0)),
        |lua, made| one(lua, lua.create_string(made)?),
    )
}

fn pcre_split(lua: &Lua, arguments: MultiValue) -> mlua::Result<Soon> {
    let (subject, pattern) = <(Octets, Text)>::from_lua_multi(arguments, lua)?;
    let (regex, length) = (compiled(lua, &pattern.0, false)?, subject.0.len());
    searching(
        lua,
        "msys.pcre.split",
        length,
        move || split(&regex, &subject.0),
        |lua, pieces| {
            let pieces = pieces.iter().map(|piece| lua.create_string(piece));
            let pieces = pieces.collect::<mlua::Result<Vec<_>>>()?;
            one(lua, lua.create_sequence_from(pieces)?)
        },
    )
}
