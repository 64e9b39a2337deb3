//! The command line, taken apart word by word. Every subcommand names its own switches.

use std::collections::VecDeque;
use std::str::FromStr;

/// What is left of the command line.
pub struct Arguments(VecDeque<String>);

impl Arguments {
    pub fn of_process() -> Self {
        Arguments(std::env::args().skip(1).collect())
    }

    pub fn of_words(words: impl IntoIterator<Item = String>) -> Self {
        Arguments(words.into_iter().collect())
    }

    pub fn next_word(&mut self) -> Option<String> {
        self.0.pop_front()
    }

    pub fn rest(self) -> Vec<String> {
        self.0.into()
    }

    /// Takes `NAME VALUE` or `NAME=VALUE` out, for any of the names.
    pub fn value(&mut self, names: &[&str]) -> Result<Option<String>, String> {
        for at in 0..self.0.len() {
            let (name, given) = match self.0[at].split_once('=') {
                Some((name, value)) => (name, Some(value.to_owned())),
                None => (self.0[at].as_str(), None),
            };
            let Some(name) = names.iter().find(|known| **known == name) else { continue };
            self.0.remove(at);
            return match given.or_else(|| self.0.remove(at)) {
                Some(value) => Ok(Some(value)),
                None => Err(format!("{name} needs a value")),
            };
        }
        Ok(None)
    }

    /// As `value`, a number or whatever `T` reads.
    pub fn parsed<T: FromStr>(&mut self, name: &str, default: T) -> Result<T, String> {
        match self.value(&[name])? {
            None => Ok(default),
            Some(text) => text.parse().map_err(|_| format!("{name}: {text} is not a number that it takes")),
        }
    }

    /// Takes a switch without a value out; whether it was there.
    pub fn flag(&mut self, name: &str) -> bool {
        let at = self.0.iter().position(|word| word == name);
        at.and_then(|at| self.0.remove(at)).is_some()
    }

    /// As `value`, one of a few words; the first if there is none.
    pub fn one_of(&mut self, name: &str, words: &[&'static str]) -> Result<&'static str, String> {
        match self.value(&[name])? {
            None => Ok(words[0]),
            Some(given) => words
                .iter()
                .find(|word| **word == given)
                .copied()
                .ok_or_else(|| format!("{name}: {given} is none of {}", words.join(", "))),
        }
    }

    /// Nothing may be left.
    pub fn end(self) -> Result<(), String> {
        match self.0.front() {
            None => Ok(()),
            Some(word) => Err(format!("{word} means nothing here")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arguments(line: &str) -> Arguments {
        Arguments(line.split_whitespace().map(String::from).collect())
    }

    #[test]
    fn switches_are_taken_out_wherever_they_stand() {
        let mut line = arguments("a -c f.conf --shards=3 b");
        assert_eq!(line.value(&["-c", "--config"]), Ok(Some("f.conf".into())));
        assert_eq!(line.parsed("--shards", 1), Ok(3));
        assert_eq!(line.rest(), ["a", "b"]);
        let mut line = arguments("--strict --format json");
        assert!(line.flag("--strict") && !line.flag("--strict"));
        assert_eq!(line.one_of("--format", &["text", "json"]), Ok("json"));
        assert_eq!(line.one_of("--format", &["text", "json"]), Ok("text"));
        assert!(arguments("--format x").one_of("--format", &["text"]).is_err());
        assert!(arguments("--shards").value(&["--shards"]).is_err());
        assert!(arguments("--shards x").parsed("--shards", 1).is_err());
        assert_eq!(arguments("left").end(), Err("left means nothing here".into()));
    }
}
