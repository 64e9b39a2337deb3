//! The macros that declare options and their types.

/// Options as data: `&[OptionDef]`. What follows the scopes may be left out: an option is of tier 1, honoured,
/// and has Momentum's default. A name that is no identifier is `spelt`.
///
/// ```
/// const KNOWN: &[config::OptionDef] = config::definitions! {
///     /// Seconds to wait before the greeting.
///     greeting_delay: config::Seconds = "5" instead of "0" because "robots do not wait", in [listen];
///     /// Links of a receive buffer.
///     link_size: config::Size = "16384", in [global], tier 3 Ignored("buffers have no links");
/// };
/// assert_eq!(KNOWN[1].tier, 3);
/// assert_eq!(KNOWN[1].standing.name(), "ignored");
/// assert_eq!(KNOWN[0].original.map(|original| original.default), Some("0"));
/// ```
#[macro_export]
macro_rules! definitions {
    (
        $(
            $(#[doc = $documentation:literal])*
            $option:ident $(spelt $spelling:literal)?: $type:ty = $default:literal
            $(instead of $original:literal because $why:literal)?,
            in [$($scope:ident),* $(,)?] $(, tier $tier:literal $($standing:ident($reason:expr))?)?;
        )*
    ) => {
        &[$(
            $crate::OptionDef::new::<$type>(
                stringify!($option),
                $default,
                $crate::ScopeSet::of(&[$(stringify!($scope)),*]),
                concat!($($documentation, "\n"),*),
            )
            $(.spelt($spelling))?
            $(.instead_of($original, $why))?
            $(.tier($tier) $(.standing($crate::Standing::$standing($reason)))?)?,
        )*]
    };
}

/// Declares a family of options, as `definitions!` does, and the struct that holds their values.
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
                $option:ident: $type:ty = $default:literal
                    $(instead of $original:literal because $why:literal)?,
                    in [$($scope:ident),* $(,)?] $(, tier $tier:literal $($standing:ident($reason:expr))?)?;
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
            pub const DEFINITIONS: &'static [$crate::OptionDef] = $crate::definitions! {
                $(
                    $(#[doc = $documentation])*
                    $option: $type = $default $(instead of $original because $why)?,
                    in [$($scope),*] $(, tier $tier $($standing($reason))?)?;
                )*
            };

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
            const NAME: &'static str = "enum";
            const WORDS: &'static [&'static str] = &[$($($word),+),+];
            fn read(raw: &$crate::Value, _: $crate::Declared<'_>) -> Result<$name, $crate::Expected> {
                $crate::read_choice(raw)
            }
        }
    };
}

/// Declares an option type that is one of a few words and that nobody asks for yet; the number of a word is
/// accepted in its place. Who obeys the option replaces the type with one of `choices!`.
///
/// ```
/// config::words! { Aggression = "normal" | "high" }
/// assert_eq!(<Aggression as config::OptionType>::WORDS, ["normal", "high"]);
/// ```
#[macro_export]
macro_rules! words {
    ($($name:ident = $($word:literal)|+)+) => {
        $(
            pub enum $name {}

            impl $crate::OptionType for $name {
                type Value = usize;
                const NAME: &'static str = "enum";
                const WORDS: &'static [&'static str] = &[$($word),+];
                fn read(raw: &$crate::Value, _: $crate::Declared<'_>) -> Result<usize, $crate::Expected> {
                    $crate::read_word(raw, Self::WORDS)
                }
            }
        )+
    };
}
