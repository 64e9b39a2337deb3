//! The command line: a table of flags for each program, which also prints the help.
//!
//! Law: a flag is one row; what is not in the table is refused with its name.

/// One flag of a program whose settings are an `O`.
pub struct Flag<O> {
    /// Without the dashes.
    pub name: &'static str,
    /// What stands for its value in the help; empty if it takes none.
    pub value: &'static str,
    pub doc: &'static str,
    /// Says what is wrong with the value.
    pub set: fn(&mut O, &str) -> Result<(), String>,
}

/// Why there are no settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Complaint {
    /// `--help` was asked for: the text.
    Help(String),
    /// One line that names the flag.
    Wrong(String),
}

/// Applies `--flag value`, `--flag=value` and bare flags in order.
pub fn apply<O>(
    flags: &[Flag<O>],
    about: &str,
    options: &mut O,
    arguments: impl IntoIterator<Item = String>,
) -> Result<(), Complaint> {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        if argument == "--help" || argument == "-h" {
            return Err(Complaint::Help(help(flags, about)));
        }
        let wrong = |what: &str| Complaint::Wrong(format!("{argument}: {what}"));
        let named = argument.strip_prefix("--").ok_or_else(|| wrong("not a flag; try --help"))?;
        let (name, inline) = match named.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (named, None),
        };
        let flag = flags.iter().find(|flag| flag.name == name).ok_or_else(|| wrong("unknown; try --help"))?;
        let value = match (flag.value.is_empty(), inline) {
            (true, Some(_)) => return Err(wrong("takes no value")),
            (true, None) => String::new(),
            (false, Some(value)) => value,
            (false, None) => arguments.next().ok_or_else(|| wrong("wants a value"))?,
        };
        (flag.set)(options, &value).map_err(|what| wrong(&what))?;
    }
    Ok(())
}

fn help<O>(flags: &[Flag<O>], about: &str) -> String {
    let heads: Vec<_> = flags.iter().map(|flag| format!("--{} {}", flag.name, flag.value)).collect();
    let width = heads.iter().map(String::len).max().unwrap_or(0);
    let mut text = format!("{about}\n\n");
    for (head, flag) in heads.iter().zip(flags) {
        text.push_str(&format!("  {head:width$}  {}\n", flag.doc));
    }
    text
}

/// A value by its `FromStr`, with the reason in the complaint.
pub(crate) fn parsed<T>(value: &str) -> Result<T, String>
where
    T: std::str::FromStr,
    T::Err: std::fmt::Display,
{
    value.parse().map_err(|reason| format!("{reason}: {value}"))
}

/// A duration in seconds, fractions allowed; at most a day.
pub(crate) fn seconds(value: &str) -> Result<std::time::Duration, String> {
    let seconds: f64 = parsed(value)?;
    if !(0.0..=86_400.0).contains(&seconds) {
        return Err(format!("between 0 and 86400 seconds: {value}"));
    }
    Ok(std::time::Duration::from_secs_f64(seconds))
}
