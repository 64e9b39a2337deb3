//! `string.find`, `match`, `gmatch` and `gsub` where the machine's own could take long: in slices, like any script.
//!
//! The law: what is short stays with the machine (`prelude.lua` asks `host.within`); nothing here computes longer
//! than a slice at a stretch, and what it costs is the script's.

use crate::budget::{MEMORY, SLICE};
use crate::call::{Call, Pending};
use crate::machine::{Machine, current};
use crate::matcher::{Outcome, Pattern, Piece, Search};
use mlua::{Error, Lua, LuaString, MultiValue, Value};
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// Steps between two looks at the clock.
const STRETCH: u64 = 4096;
/// Steps that cost about as much as an interrupt of the machine.
const STEPS: u64 = 8;
/// Patterns that are kept; beyond, all are forgotten.
const KEPT: usize = 512;

#[derive(Default)]
pub struct Known(RefCell<HashMap<Vec<u8>, Rc<Pattern>>>);

impl Known {
    fn pattern(&self, text: &[u8]) -> Rc<Pattern> {
        let mut known = self.0.borrow_mut();
        if let Some(pattern) = known.get(text) {
            return pattern.clone();
        }
        if known.len() >= KEPT {
            known.clear();
        }
        let pattern = Rc::new(Pattern::new(text));
        known.insert(text.to_vec(), pattern.clone());
        pattern
    }
}

/// What becomes of matches.
enum Deed {
    /// First and last octet, and the captures.
    Find,
    /// The captures, or the whole.
    Match,
    /// The text with at most so many replaced.
    Replace { with: LuaString, most: f64, out: Vec<u8>, count: f64 },
}

/// One call of a function of strings.
struct Job {
    text: LuaString,
    pattern: Rc<Pattern>,
    search: Search,
    deed: Deed,
    /// The octet up to which `out` has the text.
    done: usize,
}

impl Job {
    /// Goes on for so many steps; none: it is not through.
    fn go_on(&mut self, lua: &Lua, steps: &mut u64) -> mlua::Result<Option<MultiValue>> {
        let held = self.text.clone();
        let text = held.as_bytes();
        loop {
            let found = match self.search.go_on(&self.pattern, &text, steps) {
                Outcome::More => return Ok(None),
                Outcome::Wrong(wrong) => return Err(Error::runtime(wrong)),
                Outcome::Nothing => None,
                Outcome::Found(first, end) => Some((first, end)),
            };
            match (&self.deed, found) {
                (Deed::Replace { .. }, _) => {}
                (_, None) => return Ok(Some(MultiValue::from_iter([Value::Nil]))),
                (Deed::Match, Some(found)) => {
                    return self.captured(lua, &text, found, self.search.captures().max(1)).map(Some);
                }
                (Deed::Find, Some(found)) => {
                    let mut values = self.captured(lua, &text, found, self.search.captures())?;
                    values.push_front(Value::Integer(found.1 as i64));
                    values.push_front(Value::Integer(found.0 as i64 + 1));
                    return Ok(Some(values));
                }
            }
            if let Some(values) = self.replace(lua, &text, found)? {
                return Ok(Some(values));
            }
            *steps = steps.saturating_sub(8);
        }
    }

    fn captured(
        &self,
        lua: &Lua,
        text: &[u8],
        found: (usize, usize),
        count: usize,
    ) -> mlua::Result<MultiValue> {
        let value = |index| match self.search.capture(index, found).map_err(Error::runtime)? {
            Piece::Octets(first, end) => lua.create_string(&text[first..end]).map(Value::String),
            Piece::Position(at) => Ok(Value::Integer(at as i64)),
        };
        (0..count).map(value).collect()
    }

    /// One match is replaced, and the search goes on behind it; the text and the number if that was all.
    fn replace(
        &mut self,
        lua: &Lua,
        text: &[u8],
        found: Option<(usize, usize)>,
    ) -> mlua::Result<Option<MultiValue>> {
        let Deed::Replace { with, most, out, count } = &mut self.deed else { return Ok(None) };
        if let Some(found) = found {
            out.extend_from_slice(&text[self.done..found.0]);
            expand(&with.as_bytes(), text, &self.search, found, out)?;
            self.done = found.1;
            *count += 1.0;
            if out.len() > MEMORY {
                return Err(Error::runtime("not enough memory: the replaced text is too long"));
            }
            let next = if found.0 == found.1 { found.1 + 1 } else { found.1 };
            if !self.pattern.is_anchored() && *count < *most && next <= text.len() {
                self.search = Search::from(next);
                return Ok(None);
            }
        }
        out.extend_from_slice(&text[self.done..]);
        let whole = lua.create_string(&*out).map(Value::String)?;
        Ok(Some(MultiValue::from_iter([whole, Value::Number(*count)])))
    }
}

/// `%1` and the like in a replacement.
fn expand(
    with: &[u8],
    text: &[u8],
    search: &Search,
    found: (usize, usize),
    out: &mut Vec<u8>,
) -> mlua::Result<()> {
    let mut octets = with.iter();
    while let Some(octet) = octets.next() {
        if *octet != b'%' {
            out.push(*octet);
            continue;
        }
        match octets.next() {
            Some(b'%') => out.push(b'%'),
            Some(b'0') => out.extend_from_slice(&text[found.0..found.1]),
            Some(digit @ b'1'..=b'9') => {
                match search.capture(usize::from(digit - b'1'), found).map_err(Error::runtime)? {
                    Piece::Octets(first, end) => out.extend_from_slice(&text[first..end]),
                    Piece::Position(at) => out.extend_from_slice(at.to_string().as_bytes()),
                }
            }
            _ => return Err(Error::runtime("invalid use of '%' in replacement string")),
        }
    }
    Ok(())
}

/// Does a job: now if it is short or nobody can wait, else in the slow lane. The answer begins with whether it is
/// there.
fn does(lua: &Lua, may_wait: bool, mut job: Job) -> mlua::Result<MultiValue> {
    let machine = Machine::of(lua)?;
    let call = current(lua).filter(|_| may_wait);
    let mut spent = 0;
    loop {
        let mut steps = STRETCH;
        let done = job.go_on(lua, &mut steps)?;
        machine.slice.charge((STRETCH - steps) / STEPS);
        spent += STRETCH - steps;
        if let Some(mut values) = done {
            values.push_front(Value::Boolean(true));
            return Ok(values);
        }
        match &call {
            Some(call) if machine.slice.is_over() => {
                let pending = in_turns(machine, call.clone(), job);
                call.pending.replace(Some(pending));
                return Ok(MultiValue::from_iter([Value::Boolean(false)]));
            }
            None if machine.slice.holds(spent / STEPS) => return Err(Error::runtime(machine.slice.hold())),
            _ => {}
        }
    }
}

fn in_turns(machine: Rc<Machine>, call: Rc<Call>, mut job: Job) -> Pending {
    Box::pin(async move {
        call.host.counter("/lua/patterns_in_turns").add(1);
        loop {
            machine.lane.turn(&call.host).await;
            let since = Instant::now();
            while since.elapsed() < SLICE {
                let mut steps = STRETCH;
                let done = job.go_on(&machine.lua, &mut steps);
                call.spent.charge((STRETCH - steps) / STEPS, Duration::ZERO);
                if let Some(values) = done? {
                    call.spent.charge(0, since.elapsed());
                    return Ok(values);
                }
            }
            call.spent.charge(0, since.elapsed());
            if let Some(reason) = call.spent.ended.get() {
                return Err(Error::runtime(reason));
            }
        }
    })
}

/// Where a search begins, as Lua counts; none: behind the end.
fn begins(init: Option<f64>, length: usize) -> Option<usize> {
    let init = init.unwrap_or(1.0) as i64;
    let length = length as i64;
    let init = if init < 0 { length + init + 1 } else { init };
    (init <= length + 1).then(|| (init.max(1) - 1) as usize)
}

type Seek = (bool, LuaString, LuaString, Option<f64>);

fn seek(lua: &Lua, (may_wait, text, pattern, init): Seek, deed: Deed) -> mlua::Result<MultiValue> {
    let Some(start) = begins(init, text.as_bytes().len()) else {
        return Ok(MultiValue::from_iter([Value::Boolean(true), Value::Nil]));
    };
    let pattern = Machine::of(lua)?.known.pattern(&pattern.as_bytes());
    does(lua, may_wait, Job { text, pattern, search: Search::from(start), deed, done: 0 })
}

pub fn find(lua: &Lua, arguments: Seek) -> mlua::Result<MultiValue> {
    seek(lua, arguments, Deed::Find)
}

pub fn matched(lua: &Lua, arguments: Seek) -> mlua::Result<MultiValue> {
    seek(lua, arguments, Deed::Match)
}

type Replace = (bool, LuaString, LuaString, LuaString, Option<f64>);

pub fn replaced(lua: &Lua, (may_wait, text, pattern, with, most): Replace) -> mlua::Result<MultiValue> {
    let most = most.unwrap_or(f64::INFINITY).trunc();
    if most < 1.0 {
        return Ok(MultiValue::from_iter([Value::Boolean(true), Value::String(text), Value::Integer(0)]));
    }
    let deed = Deed::Replace { with, most, out: Vec::new(), count: 0.0 };
    seek(lua, (may_wait, text, pattern, None), deed)
}

/// The longest subject of a pattern that is left to the machine.
pub fn within(lua: &Lua, pattern: LuaString) -> mlua::Result<usize> {
    Ok(Machine::of(lua)?.known.pattern(&pattern.as_bytes()).cheap_within())
}
