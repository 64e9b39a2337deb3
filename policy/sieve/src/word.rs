//! What an action, a test or a function is: one constant beside its code, and a row in a family's list.
//! The compiler checks a script against these; the reference is printed from them.

use crate::fault::Fault;
use crate::machine::Call;
use crate::matching::Comparator;
use crate::phase::Places;
use crate::scene::Scene;
use crate::value::Value;
use policy_api::Later;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// One string; of a list the first element.
    Text,
    /// A string or a list of them.
    Texts,
    /// A string that reads as a number.
    Number,
    /// A reply code: three digits, the first 2, 4 or 5.
    Code,
    Any,
    Hash,
    /// Must be a variable: the word changes it.
    Variable,
    /// One of these words, where the script says it literally.
    OneOf(&'static [&'static str]),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Parameter {
    pub name: &'static str,
    pub kind: Kind,
    pub is_optional: bool,
}

pub(crate) const fn needs(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, is_optional: false }
}

pub(crate) const fn may(name: &'static str, kind: Kind) -> Parameter {
    Parameter { name, kind, is_optional: true }
}

/// Which tags a word takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tags {
    /// `:is :contains :matches :regex :value :count :comparator`, and the comparator if none is named.
    pub matching: Option<Comparator>,
    /// `:all :localpart :domain :user :detail`
    pub part: bool,
    /// `:over :under`
    pub size: bool,
    /// `:raw :text :content <types> :binary <types> :offset n`
    pub body: bool,
    /// `:ip address`
    pub ip: bool,
}

impl Tags {
    pub const NONE: Tags = Tags { matching: None, part: false, size: false, body: false, ip: false };
    /// The tests of RFC 5228 compare without regard to ASCII case.
    pub const RFC: Tags = Tags { matching: Some(Comparator::Casemap), ..Tags::NONE };
    pub const MATCH: Tags = Tags { matching: Some(Comparator::Octet), ..Tags::NONE };
}

/// Whether the script goes on behind an action.
pub(crate) enum Flow {
    On,
    /// Sieve is done for this phase.
    End,
}

/// What becomes of an answer that had to be waited for.
pub(crate) type Finish = Box<dyn FnOnce(&mut Scene<'_>) -> Result<Value, Fault>>;
pub(crate) type Wait = Later<Finish>;

/// What a test or a function gives.
pub(crate) enum Got {
    Flag(bool),
    Value(Value),
    Later(Wait),
}

impl From<bool> for Got {
    fn from(flag: bool) -> Self {
        Got::Flag(flag)
    }
}

#[derive(Clone, Copy)]
pub(crate) enum Run {
    Test(fn(&mut Call<'_, '_>) -> Result<Got, Fault>),
    Value(fn(&mut Call<'_, '_>) -> Result<Value, Fault>),
    Action(fn(&mut Call<'_, '_>) -> Result<Flow, Fault>),
    /// Gives a value, perhaps later.
    Wait(fn(&mut Call<'_, '_>) -> Result<Got, Fault>),
    /// Its subsystem does not exist; what to use instead.
    Elsewhere(&'static str),
    /// Not provided; passed over with a warning (spec sieve.md §10).
    Ignored,
}

/// Where a word may stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Role {
    /// In a condition; assigned, it is "true" or "false".
    Test,
    /// As a statement, or assigned.
    Action,
}

pub(crate) struct Word {
    pub name: &'static str,
    pub role: Role,
    pub parameters: &'static [Parameter],
    pub tags: Tags,
    pub places: Places,
    /// One line for the reference.
    pub doc: &'static str,
    pub run: Run,
}

impl Word {
    pub const fn test(name: &'static str, run: fn(&mut Call<'_, '_>) -> Result<Got, Fault>) -> Word {
        Word { role: Role::Test, ..Word::new(name, Run::Test(run)) }
    }

    pub const fn action(name: &'static str, run: fn(&mut Call<'_, '_>) -> Result<Flow, Fault>) -> Word {
        Word::new(name, Run::Action(run))
    }

    pub const fn value(name: &'static str, run: fn(&mut Call<'_, '_>) -> Result<Value, Fault>) -> Word {
        Word::new(name, Run::Value(run))
    }

    pub const fn wait(name: &'static str, run: fn(&mut Call<'_, '_>) -> Result<Got, Fault>) -> Word {
        Word::new(name, Run::Wait(run))
    }

    pub const fn new(name: &'static str, run: Run) -> Word {
        let (parameters, tags, places) = (&[], Tags::NONE, Places::ANY);
        Word { name, role: Role::Action, parameters, tags, places, doc: "", run }
    }

    pub const fn takes(self, parameters: &'static [Parameter]) -> Word {
        Word { parameters, ..self }
    }

    pub const fn tagged(self, tags: Tags) -> Word {
        Word { tags, ..self }
    }

    pub const fn at(self, letters: &str) -> Word {
        Word { places: Places::of(letters), ..self }
    }

    pub const fn in_tests(self) -> Word {
        Word { role: Role::Test, ..self }
    }

    pub const fn doc(self, doc: &'static str) -> Word {
        Word { doc, ..self }
    }

    /// `ec_tarpit <seconds> [counter]`
    pub fn usage(&self) -> String {
        let mut usage = self.name.to_owned();
        let mut tag = |present: bool, text: &str| {
            if present {
                usage.push(' ');
                usage.push_str(text);
            }
        };
        tag(self.tags.part, "[address part]");
        tag(self.tags.size, ":over|:under");
        tag(self.tags.body, ":raw|:text|:content <types>|:binary <types> [:offset n]");
        tag(self.tags.matching.is_some(), "[match type] [:comparator name]");
        tag(self.tags.ip, "[:ip <address>]");
        for parameter in self.parameters {
            let (open, close) = if parameter.is_optional { ('[', ']') } else { ('<', '>') };
            usage.extend([' ', open]);
            usage.push_str(parameter.name);
            usage.push(close);
        }
        usage
    }
}
