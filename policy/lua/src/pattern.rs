//! PCRE with limits: what a pattern may cost is bounded, compiled patterns are kept, long texts are searched beside
//! the shard.
//!
//! The law: a shard looks at no more than `AT_ONCE` octets at a stretch.

use crate::function::Soon;
use crate::machine::{Machine, current};
use mlua::{Error, Lua, MultiValue, Table};
use pcre2::bytes::{Captures, Regex, RegexBuilder};
use policy_api::{Job, Pool};
use std::any::Any;
use std::collections::HashMap;
use std::sync::Arc;

/// Steps of one match: some milliseconds at most. Depth is bounded by the heap of the match.
const LIMITS: &str = "(*LIMIT_MATCH=200000)(*LIMIT_DEPTH=20000)(*LIMIT_HEAP=16384)";
const LONGEST: usize = 16_384;
/// Compiled patterns that are kept; beyond, all are forgotten.
const KEPT: usize = 512;
/// Octets that are searched where they stand; more are taken to a side thread.
const AT_ONCE: usize = 128 << 10;
/// Octets that a replacement may make.
const LARGEST: usize = 128 << 20;

/// Has `search` look at `length` octets, on a side thread if they are many, and `then` make the answer of what it
/// has found.
pub fn searching<R: Send + 'static>(
    lua: &Lua,
    name: &'static str,
    length: usize,
    search: impl FnOnce() -> Result<R, String> + Send + 'static,
    then: impl FnOnce(&Lua, R) -> mlua::Result<MultiValue> + 'static,
) -> mlua::Result<Soon> {
    if length <= AT_ONCE {
        return Ok(Soon::Now(then(lua, search().map_err(Error::runtime)?)?));
    }
    let call = current(lua).filter(|call| call.may_wait());
    let call = call.ok_or_else(|| {
        Error::runtime(format!("{name}: in this phase, at most {} KiB can be searched", AT_ONCE >> 10))
    })?;
    call.host.counter("/lua/searches_aside").add(1);
    let job: Job = Box::new(move || -> Box<dyn Any + Send> { Box::new(search()) });
    let (lua, work) = (lua.clone(), call.host.work(Pool::Cpu, job));
    Ok(Soon::Later(Box::pin(async move {
        let done = work.await.map_err(|fault| Error::runtime(fault.to_string()))?;
        let found = done.downcast::<Result<R, String>>();
        let found = found.map_err(|_| Error::runtime("the side thread has answered something else"))?;
        then(&lua, found.map_err(Error::runtime)?)
    })))
}

#[derive(Default)]
pub struct Patterns(HashMap<(String, bool), Arc<Regex>>);

/// A pattern, compiled once; `unicode` for subjects that are UTF-8.
pub fn compile(lua: &Lua, pattern: &str, unicode: bool) -> mlua::Result<Result<Arc<Regex>, (String, i64)>> {
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
        Ok(regex) => Arc::new(regex),
        Err(error) => return Ok(Err((error.to_string(), i64::from(error.code())))),
    };
    if patterns.0.len() >= KEPT {
        patterns.0.clear();
    }
    patterns.0.insert(key, regex.clone());
    Ok(Ok(regex))
}

/// The same, where a wrong pattern is the script's error.
pub fn compiled(lua: &Lua, pattern: &str, unicode: bool) -> mlua::Result<Arc<Regex>> {
    compile(lua, pattern, unicode)?.map_err(|(text, _)| Error::runtime(text))
}

pub const TOO_EXPENSIVE: &str = "the pattern is too expensive for this text";

fn failed(error: pcre2::Error) -> String {
    format!("{TOO_EXPENSIVE}: {error}")
}

/// What a match has captured, by number and by name.
pub struct Captured {
    numbered: Vec<Option<Vec<u8>>>,
    named: Vec<(String, Vec<u8>)>,
}

/// The first match.
pub fn matched(regex: &Regex, subject: &[u8]) -> Result<Option<Captured>, String> {
    let Some(captures) = regex.captures(subject).map_err(failed)? else { return Ok(None) };
    let numbered =
        (0..captures.len()).map(|index| captures.get(index).map(|part| part.as_bytes().to_vec())).collect();
    let names = regex.capture_names().iter().flatten();
    let named = names.filter_map(|name| Some((name.clone(), captures.name(name)?.as_bytes().to_vec())));
    Ok(Some(Captured { numbered, named: named.collect() }))
}

impl Captured {
    /// `{ [0] = all, [1] = …, name = … }`
    pub fn table(&self, lua: &Lua) -> mlua::Result<Table> {
        let table = lua.create_table()?;
        for (index, part) in self.numbered.iter().enumerate() {
            if let Some(part) = part {
                table.raw_set(index, lua.create_string(part)?)?;
            }
        }
        for (name, part) in &self.named {
            table.raw_set(name.as_str(), lua.create_string(part)?)?;
        }
        Ok(table)
    }
}

/// All matches replaced; none if there is none.
pub fn replaced(regex: &Regex, subject: &[u8], replacement: &[u8]) -> Result<Option<Vec<u8>>, String> {
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
            return Err("the replacement is larger than 128 MiB".to_owned());
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
pub fn split(regex: &Regex, subject: &[u8]) -> Result<Vec<Vec<u8>>, String> {
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
