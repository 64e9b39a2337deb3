//! PCRE with limits: what a pattern may cost is bounded, compiled patterns are kept.

use crate::machine::Machine;
use mlua::{Error, Lua, Table};
use pcre2::bytes::{Captures, Regex, RegexBuilder};
use std::collections::HashMap;
use std::rc::Rc;

/// Steps of one match: some milliseconds at most. Depth is bounded by the heap of the match.
const LIMITS: &str = "(*LIMIT_MATCH=200000)(*LIMIT_DEPTH=20000)(*LIMIT_HEAP=16384)";
const LONGEST: usize = 16_384;
/// Compiled patterns that are kept; beyond, all are forgotten.
const KEPT: usize = 512;
/// Octets that a replacement may make.
const LARGEST: usize = 128 << 20;

#[derive(Default)]
pub struct Patterns(HashMap<(String, bool), Rc<Regex>>);

/// A pattern, compiled once; `unicode` for subjects that are UTF-8.
pub fn compile(lua: &Lua, pattern: &str, unicode: bool) -> mlua::Result<Result<Rc<Regex>, (String, i64)>> {
    let machine = Machine::of(lua)?;
    let mut patterns = machine.patterns.borrow_mut();
    let key = (pattern.to_owned(), unicode);
    if let Some(regex) = patterns.0.get(&key) {
        return Ok(Ok(regex.clone()));
    }
    if pattern.len() > LONGEST {
        return Ok(Err(("the pattern is longer than 16384 octets".to_owned(), 120)));
    }
    let text = format!("{LIMITS}{pattern}");
    let regex = match RegexBuilder::new().utf(unicode).jit_if_available(true).build(&text) {
        Ok(regex) => Rc::new(regex),
        Err(error) => return Ok(Err((error.to_string(), i64::from(error.code())))),
    };
    if patterns.0.len() >= KEPT {
        patterns.0.clear();
    }
    patterns.0.insert(key, regex.clone());
    Ok(Ok(regex))
}

/// The same, where a wrong pattern is the script's error.
pub fn compiled(lua: &Lua, pattern: &str, unicode: bool) -> mlua::Result<Rc<Regex>> {
    compile(lua, pattern, unicode)?.map_err(|(text, _)| Error::runtime(text))
}

fn failed(error: pcre2::Error) -> Error {
    Error::runtime(format!("the pattern is too expensive for this text: {error}"))
}

/// `{ [0] = all, [1] = …, name = … }`
pub fn matched(lua: &Lua, regex: &Regex, subject: &[u8]) -> mlua::Result<Option<Table>> {
    let Some(captures) = regex.captures(subject).map_err(failed)? else { return Ok(None) };
    let table = lua.create_table()?;
    for index in 0..captures.len() {
        if let Some(part) = captures.get(index) {
            table.raw_set(index as i64, lua.create_string(part.as_bytes())?)?;
        }
    }
    for name in regex.capture_names().iter().flatten() {
        if let Some(part) = captures.name(name) {
            table.raw_set(name.as_str(), lua.create_string(part.as_bytes())?)?;
        }
    }
    Ok(Some(table))
}

/// All matches replaced; none if there is none.
pub fn replaced(regex: &Regex, subject: &[u8], replacement: &[u8]) -> mlua::Result<Option<Vec<u8>>> {
    let mut out = Vec::new();
    let mut end = 0;
    let mut any = false;
    for captures in regex.captures_iter(subject) {
        let captures = captures.map_err(failed)?;
        let Some(whole) = captures.get(0) else { continue };
        any = true;
        out.extend_from_slice(&subject[end..whole.start()]);
        expand(&captures, replacement, &mut out);
        end = whole.end();
        if out.len() > LARGEST {
            return Err(Error::runtime("the replacement is larger than 128 MiB"));
        }
    }
    out.extend_from_slice(&subject[end..]);
    Ok(any.then_some(out))
}

/// `$n` and `${n}` are captures, `$$` a dollar.
fn expand(captures: &Captures<'_>, replacement: &[u8], out: &mut Vec<u8>) {
    let mut at = 0;
    while at < replacement.len() {
        let rest = &replacement[at..];
        if rest[0] != b'$' {
            out.push(rest[0]);
            at += 1;
            continue;
        }
        if rest.get(1) == Some(&b'$') {
            out.push(b'$');
            at += 2;
            continue;
        }
        let braces = usize::from(rest.get(1) == Some(&b'{'));
        let digits = rest[1 + braces..].iter().take(2).take_while(|byte| byte.is_ascii_digit()).count();
        let closed = braces == 0 || rest.get(1 + braces + digits) == Some(&b'}');
        if digits == 0 || !closed {
            out.push(b'$');
            at += 1;
            continue;
        }
        let number = rest[1 + braces..1 + braces + digits]
            .iter()
            .fold(0, |n, digit| n * 10 + usize::from(digit - b'0'));
        if let Some(part) = captures.get(number) {
            out.extend_from_slice(part.as_bytes());
        }
        at += 1 + 2 * braces + digits;
    }
}

/// The pieces between matches.
pub fn split(regex: &Regex, subject: &[u8]) -> mlua::Result<Vec<Vec<u8>>> {
    let mut pieces = Vec::new();
    let mut end = 0;
    for found in regex.find_iter(subject) {
        let found = found.map_err(failed)?;
        if found.end() == 0 || found.start() == found.end() && found.start() >= subject.len() {
            continue;
        }
        pieces.push(subject[end..found.start()].to_vec());
        end = found.end();
    }
    pieces.push(subject[end..].to_vec());
    Ok(pieces)
}
