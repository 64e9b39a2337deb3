//! The operands of a command, taken apart: switches with values wherever they stand, then the rest.

use crate::command::Command;
use crate::request::Request;
use std::fmt;
use std::str::FromStr;

/// The command is not carried out; the operator gets the text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused(pub String);

impl Refused {
    pub fn new(text: impl Into<String>) -> Refused {
        Refused(text.into())
    }

    /// The operands are not those of the command.
    pub fn usage(command: &Command) -> Refused {
        Refused(format!("usage: {}", command.usage()))
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Refused {}

/// What is left of the operands. Take the switches out first.
#[derive(Clone, Debug)]
pub struct Operands {
    command: &'static Command,
    words: Vec<String>,
}

impl Request {
    pub fn operands(&self) -> Operands {
        Operands { command: self.command, words: self.operands.clone() }
    }

    pub fn usage(&self) -> Refused {
        Refused::usage(self.command)
    }
}

impl Operands {
    /// Takes out a switch without a value, under any of its names.
    pub fn flag(&mut self, names: &[&str]) -> bool {
        let before = self.words.len();
        self.words.retain(|word| !names.contains(&word.as_str()));
        self.words.len() < before
    }

    /// Takes out every `NAME VALUE` and `NAME=VALUE` (the latter of names that begin with two dashes).
    pub fn values(&mut self, names: &[&str]) -> Result<Vec<String>, Refused> {
        let mut values = Vec::new();
        let mut at = 0;
        while at < self.words.len() {
            let joined = self.words[at].split_once('=').filter(|(name, _)| name.starts_with("--"));
            if let Some((_, value)) = joined.filter(|(name, _)| names.contains(name)) {
                values.push(value.to_owned());
                self.words.remove(at);
            } else if names.contains(&self.words[at].as_str()) {
                if at + 1 == self.words.len() {
                    return Err(Refused(format!("{} needs a value", self.words[at])));
                }
                values.extend(self.words.drain(at..at + 2).nth(1));
            } else {
                at += 1;
            }
        }
        Ok(values)
    }

    /// As `values`, at most one.
    pub fn value(&mut self, names: &[&str]) -> Result<Option<String>, Refused> {
        let mut values = self.values(names)?;
        match values.len() {
            0 | 1 => Ok(values.pop()),
            _ => Err(Refused(format!("{} may stand once", names[0]))),
        }
    }

    /// As `value`, a number or whatever `T` reads.
    pub fn parsed<T: FromStr>(&mut self, names: &[&str]) -> Result<Option<T>, Refused> {
        let read =
            |text: String| text.parse().map_err(|_| Refused(format!("{}: not a number: {text}", names[0])));
        self.value(names)?.map(read).transpose()
    }

    /// What is left; a word that looks like a switch is none that the command knows.
    pub fn rest(self) -> Result<Vec<String>, Refused> {
        match self.words.iter().find(|word| word.starts_with("--") && word.len() > 2) {
            Some(word) => Err(Refused(format!("{word} is no switch of {}", self.command.name))),
            None => Ok(self.words),
        }
    }

    /// What is left, as exactly so many words; else the usage.
    pub fn exactly<const N: usize>(self) -> Result<[String; N], Refused> {
        let command = self.command;
        self.rest()?.try_into().map_err(|_| Refused::usage(command))
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), Refused> {
        self.exactly::<0>().map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::tests::LIST;

    fn operands(line: &str) -> Operands {
        Operands { command: LIST[3], words: line.split_whitespace().map(String::from).collect() }
    }

    #[test]
    fn switches_are_taken_out_wherever_they_stand() {
        let mut line = operands("a -d one --domain=two b --limit 5 --all --domain three x=y");
        assert_eq!(line.values(&["--domain", "-d"]).expect("values"), ["one", "two", "three"]);
        assert_eq!(line.parsed::<usize>(&["--limit", "-l"]), Ok(Some(5)));
        assert!(line.flag(&["--all"]));
        assert!(!line.flag(&["--all"]));
        assert_eq!(line.rest().expect("the rest"), ["a", "b", "x=y"]);
    }

    #[test]
    fn what_does_not_fit_is_said() {
        let refused = |text: &str| Err(Refused::new(text));
        assert_eq!(operands("-d").values(&["-d"]), refused("-d needs a value"));
        assert_eq!(operands("-l 1 -l 2").value(&["-l"]), Err(Refused::new("-l may stand once")));
        assert_eq!(operands("-l x").parsed::<u32>(&["-l"]), Err(Refused::new("-l: not a number: x")));
        assert_eq!(operands("--what").rest(), refused("--what is no switch of flush domain"));
        assert_eq!(operands("a b").exactly::<1>(), Err(Refused::new("usage: flush domain <domain|all>")));
        assert_eq!(operands("a").exactly(), Ok(["a".to_owned()]));
        assert_eq!(operands("").end(), Ok(()));
    }
}
