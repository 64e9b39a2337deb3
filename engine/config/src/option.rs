//! What an option is, and how it is asked for. An option is declared once, beside the code that obeys it (or in
//! the catalogue, while no code does); all that is known of it is data, so that references can be printed.

use crate::{InstanceId, ScopeSet, Span, Standing, Value};
use std::any::{Any, TypeId};
use std::borrow::Cow;
use std::fmt;

/// What a value should have been.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Completes the sentence "expected …".
    pub what: Cow<'static, str>,
    /// Which element of a list, or pair of a dictionary, is at fault.
    pub element: Option<usize>,
    /// The value that was probably meant.
    pub suggestion: Option<&'static str>,
}

impl Expected {
    pub const fn fixed(what: &'static str) -> Self {
        Expected { what: Cow::Borrowed(what), element: None, suggestion: None }
    }

    /// A word that is none of the few that are values.
    pub fn one_of(text: &str, words: impl Iterator<Item = &'static str> + Clone) -> Self {
        let known: Vec<_> = words.clone().collect();
        let suggestion = crate::suggestion::nearest(text, words);
        Expected { suggestion, ..format!("one of: {}", known.join(", ")).into() }
    }

    pub fn at(self, element: usize) -> Self {
        Expected { element: Some(element), ..self }
    }
}

impl From<String> for Expected {
    fn from(what: String) -> Self {
        Expected { what: Cow::Owned(what), element: None, suggestion: None }
    }
}

/// Where a value stands: what throttles and counters need to be values by reference (§10).
#[derive(Clone, Copy, Debug)]
pub struct Declared<'a> {
    pub option: &'static str,
    pub instance: &'a InstanceId,
}

/// A type of option values. Reading happens once, when the configuration is loaded.
pub trait OptionType {
    /// Cheap to clone: lookups hand out clones.
    type Value: Clone + Send + Sync + 'static;
    /// As the option reference prints it.
    const NAME: &'static str;
    /// `seconds`, `bytes`, …; empty without one.
    const UNIT: &'static str = "";
    /// The words that are values, where these are few: for references and completion.
    const WORDS: &'static [&'static str] = &[];
    /// Whether a value belongs to the stanza that declares it, and all who fall back to it share it (§10).
    const SHARED: bool = false;
    fn read(raw: &Value, declared: Declared<'_>) -> Result<Self::Value, Expected>;
}

/// A type whose values are a few words, made by `choices!`.
pub trait Choice: Copy + Send + Sync + 'static {
    /// Name, internal number (an accepted spelling, §4.2), value. Several names may mean one value.
    const CHOICES: &'static [(&'static str, i64, Self)];
}

pub(crate) type Typed = Box<dyn Any + Send + Sync>;

/// Momentum's default where ours is another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original {
    pub default: &'static str,
    /// Why ours differs.
    pub reason: &'static str,
}

/// An option as it was declared.
pub struct OptionDef {
    pub name: &'static str,
    pub type_name: &'static str,
    pub unit: &'static str,
    /// In the language's own syntax; empty means no value, no elements.
    pub default: &'static str,
    pub scopes: ScopeSet,
    pub documentation: &'static str,
    /// Empty if any text may be a value.
    pub words: &'static [&'static str],
    /// Whether all who fall back to a declaration share its value.
    pub shared: bool,
    /// How soon a site needs it, from 1 (mail flow) to 3 (historic); 0: Momentum does not have it.
    pub tier: u8,
    pub standing: Standing,
    /// None: Momentum has the same default.
    pub original: Option<Original>,
    pub(crate) key: u64,
    pub(crate) read: fn(&Value, Declared<'_>) -> Result<Typed, Expected>,
    pub(crate) type_id: fn() -> TypeId,
}

impl OptionDef {
    /// For `definitions!`; `name` may carry the `r#` of an identifier that is a Rust keyword.
    pub const fn new<T: OptionType>(
        name: &'static str,
        default: &'static str,
        scopes: ScopeSet,
        documentation: &'static str,
    ) -> Self {
        let name = match name.as_bytes() {
            [b'r', b'#', ..] => name.split_at(2).1,
            _ => name,
        };
        OptionDef {
            name,
            type_name: T::NAME,
            unit: T::UNIT,
            default,
            scopes,
            documentation,
            words: T::WORDS,
            shared: T::SHARED,
            tier: 1,
            standing: Standing::Honoured,
            original: None,
            key: key(name),
            read: |raw, declared| T::read(raw, declared).map(|value| Box::new(value) as Typed),
            type_id: TypeId::of::<T::Value>,
        }
    }

    /// Another name, which no Rust identifier can be.
    pub const fn spelt(self, name: &'static str) -> Self {
        OptionDef { name, key: key(name), ..self }
    }

    pub const fn tier(self, tier: u8) -> Self {
        OptionDef { tier, ..self }
    }

    pub const fn standing(self, standing: Standing) -> Self {
        OptionDef { standing, ..self }
    }

    pub const fn instead_of(self, default: &'static str, reason: &'static str) -> Self {
        OptionDef { original: Some(Original { default, reason }), ..self }
    }

    /// What becomes of this very value: where nothing obeys an option, its default is no loss.
    pub fn standing_of(&self, value: &Value) -> Standing {
        match self.standing {
            Standing::Refused(_) | Standing::Coming(_) if self.is_default(value) => Standing::Honoured,
            standing => standing,
        }
    }

    fn is_default(&self, value: &Value) -> bool {
        let truth = |value: &Value| crate::types::truth(crate::types::scalar(value).ok()?);
        let default = self.default_value();
        let same_word = match (value, &default) {
            (Value::Scalar(given), Value::Scalar(default)) => given.text.eq_ignore_ascii_case(&default.text),
            (given, default) => given == default,
        };
        same_word || (self.words == crate::Bool::WORDS && truth(value) == truth(&default))
    }

    /// The default as a value of the language.
    pub(crate) fn default_value(&self) -> Value {
        crate::parser::default_value(self.default)
    }
}

impl fmt::Debug for OptionDef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} = {:?}", self.name, self.type_name, self.default)
    }
}

/// FNV-1a of the folded name: the number under which instances keep their values. The registry refuses two
/// names with one number.
pub(crate) const fn key(name: &str) -> u64 {
    let bytes = name.as_bytes();
    let mut hash = 0xCBF2_9CE4_8422_2325;
    let mut index = 0;
    while index < bytes.len() {
        hash = (hash ^ bytes[index].to_ascii_lowercase() as u64).wrapping_mul(0x0100_0000_01B3);
        index += 1;
    }
    hash
}

/// A value that applies.
#[derive(Clone, Copy)]
pub struct Found<'a> {
    /// As it was written.
    pub value: &'a Value,
    /// The instance that declares it.
    pub declared: &'a InstanceId,
    pub span: Span,
    pub(crate) typed: &'a Typed,
}

impl<'a> Found<'a> {
    /// The value as its type read it. Asking for another type than the declared one is our own fault.
    pub fn get<T: OptionType>(&self) -> &'a T::Value {
        self.typed.downcast_ref().expect("an option is asked for with the type that it was declared with")
    }
}

/// Somebody who knows which value applies: a `View` of a snapshot, or `Unset`.
pub trait Lookup {
    fn find(&self, option: &'static OptionDef) -> Option<Found<'_>>;
}

/// Nothing is set: every option has its default.
#[derive(Clone, Copy, Debug, Default)]
pub struct Unset;

impl Lookup for Unset {
    fn find(&self, _: &'static OptionDef) -> Option<Found<'_>> {
        None
    }
}

impl<L: Lookup + ?Sized> Lookup for Box<L> {
    fn find(&self, option: &'static OptionDef) -> Option<Found<'_>> {
        (**self).find(option)
    }
}

/// The value that applies, or the default; for `options!`.
pub fn option_value<T: OptionType>(
    lookup: &impl Lookup,
    option: &'static OptionDef,
    default: &T::Value,
) -> T::Value {
    lookup.find(option).map_or_else(|| default.clone(), |found| found.get::<T>().clone())
}

impl OptionDef {
    /// The default, read; a default that its own type refuses is our own fault.
    pub fn default_of<T: OptionType>(&self) -> T::Value {
        let nowhere = InstanceId::default();
        let declared = Declared { option: self.name, instance: &nowhere };
        match T::read(&self.default_value(), declared) {
            Ok(value) => value,
            Err(expected) => panic!("the default of {} is not {}", self.name, expected.what),
        }
    }
}
