//! How an option is declared (`options!`), typed and asked for. An option is declared once, beside the code
//! that obeys it; its documentation, type, default and scopes are data, so that references can be printed.

use crate::{InstanceId, ScopeSet, Span, Value};
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
}

impl Expected {
    pub const fn fixed(what: &'static str) -> Self {
        Expected { what: Cow::Borrowed(what), element: None }
    }

    pub fn at(self, element: usize) -> Self {
        Expected { element: Some(element), ..self }
    }
}

impl From<String> for Expected {
    fn from(what: String) -> Self {
        Expected { what: Cow::Owned(what), element: None }
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
    fn read(raw: &Value, declared: Declared<'_>) -> Result<Self::Value, Expected>;
}

/// A type whose values are a few words, made by `choices!`.
pub trait Choice: Copy + Send + Sync + 'static {
    /// Name, internal number (an accepted spelling, §4.2), value. Several names may mean one value.
    const CHOICES: &'static [(&'static str, i64, Self)];
}

pub(crate) type Typed = Box<dyn Any + Send + Sync>;

/// An option as it was declared.
pub struct OptionDef {
    pub name: &'static str,
    pub type_name: &'static str,
    pub unit: &'static str,
    /// In the language's own syntax; empty means no value, no elements.
    pub default: &'static str,
    pub scopes: ScopeSet,
    pub documentation: &'static str,
    pub(crate) key: u64,
    pub(crate) read: fn(&Value, Declared<'_>) -> Result<Typed, Expected>,
    pub(crate) type_id: fn() -> TypeId,
}

impl OptionDef {
    /// For `options!`; `name` may carry the `r#` of an identifier that is a Rust keyword.
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
            key: key(name),
            read: |raw, declared| T::read(raw, declared).map(|value| Box::new(value) as Typed),
            type_id: TypeId::of::<T::Value>,
        }
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

/// The value that applies, or the default; for `options!`.
pub fn option_value<T: OptionType>(
    lookup: &impl Lookup,
    option: &'static OptionDef,
    default: &T::Value,
) -> T::Value {
    lookup.find(option).map_or_else(|| default.clone(), |found| found.get::<T>().clone())
}

/// Declares a family of options and the struct that holds their values.
///
/// ```
/// config::options! {
///     /// What a greeter obeys.
///     pub struct GreeterOptions {
///         /// Seconds to wait before the greeting.
///         greeting_delay: config::Seconds = "5", in [esmtp_listener, listen];
///     }
/// }
/// let options = GreeterOptions::resolve(&config::Unset);
/// assert_eq!(options.greeting_delay.as_secs(), 5);
/// assert_eq!(GreeterOptions::DEFINITIONS[0].name, "greeting_delay");
/// ```
#[macro_export]
macro_rules! options {
    (
        $(#[$attribute:meta])*
        $visibility:vis struct $family:ident {
            $(
                $(#[doc = $documentation:literal])*
                $option:ident: $type:ty = $default:literal, in [$($scope:ident),* $(,)?];
            )*
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq)]
        $visibility struct $family {
            $(
                $(#[doc = $documentation])*
                pub $option: <$type as $crate::OptionType>::Value,
            )*
        }

        impl $family {
            pub const DEFINITIONS: &'static [$crate::OptionDef] = &[$(
                $crate::OptionDef::new::<$type>(
                    stringify!($option),
                    $default,
                    $crate::ScopeSet::of(&[$(stringify!($scope)),*]),
                    concat!($($documentation, "\n"),*),
                ),
            )*];

            /// The values that apply to whatever `lookup` stands for.
            pub fn resolve(lookup: &impl $crate::Lookup) -> Self {
                let defaults = Self::defaults();
                let mut definitions = Self::DEFINITIONS.iter();
                $(
                    let $option = $crate::option_value::<$type>(
                        lookup,
                        definitions.next().expect("as many definitions as fields"),
                        &defaults.$option,
                    );
                )*
                $family { $($option),* }
            }

            /// What holds where nothing is set; read once.
            pub fn defaults() -> &'static Self {
                static DEFAULTS: ::std::sync::OnceLock<$family> = ::std::sync::OnceLock::new();
                DEFAULTS.get_or_init(|| {
                    let mut definitions = Self::DEFINITIONS.iter();
                    $(
                        let $option = definitions
                            .next()
                            .expect("as many definitions as fields")
                            .default_of::<$type>();
                    )*
                    $family { $($option),* }
                })
            }
        }
    };
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

/// Declares an enumerated option type: names, and the internal number that is accepted in their place.
///
/// ```
/// config::choices! {
///     /// Whether TLS is used.
///     pub enum Tls { No = 0: "no" | "false", IfAvailable = 1: "ifavailable", Required = 2: "required" }
/// }
/// assert_eq!(<Tls as config::Choice>::CHOICES[1].0, "false");
/// ```
#[macro_export]
macro_rules! choices {
    (
        $(#[$attribute:meta])*
        $visibility:vis enum $name:ident {
            $($(#[$note:meta])* $choice:ident = $number:literal: $($word:literal)|+),+ $(,)?
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        $visibility enum $name { $($(#[$note])* $choice),+ }

        impl $crate::Choice for $name {
            const CHOICES: &'static [(&'static str, i64, Self)] =
                &[$($(($word, $number, $name::$choice)),+),+];
        }

        impl $crate::OptionType for $name {
            type Value = $name;
            const NAME: &'static str = stringify!($name);
            fn read(raw: &$crate::Value, _: $crate::Declared<'_>) -> Result<$name, $crate::Expected> {
                $crate::read_choice(raw)
            }
        }
    };
}
