//! Arguments of a word: tags are read into a `Form`, the others are checked against the parameters and pushed
//! in order.

use super::{Compiler, Here, counts, plain};
use crate::matching::{Comparator, MatchType, Relation};
use crate::pattern::Pattern;
use crate::program::{BodyPart, Constant, Form, Op, Site};
use crate::script::Mark;
use crate::syntax::{Argument, Command, Said, Text, constant};
use crate::word::{Kind, Parameter, Tags, Word};
use content::address::Component;

/// Arguments of one word, and texts of one list.
const MOST: usize = 200;

/// What the tags of one command said.
struct Tagged<'c> {
    form: Form,
    types: Option<&'c Argument>,
    offset: Option<&'c Argument>,
    ip: Option<&'c Argument>,
    comparator: Option<Mark>,
    is_over: Option<Mark>,
    has_match: bool,
    has_body: bool,
}

impl Compiler<'_> {
    pub(super) fn arguments(
        &mut self,
        word: &'static Word,
        command: &Command,
        here: Here<'_, '_>,
    ) -> Option<Site> {
        let (tagged, own) = self.tags(word, command, here)?;
        let mut site = Site { word, form: tagged.form, arguments: 0, own: 0, variable: None };
        let (required, most) = counts(&site);
        if own.len() < required || own.len() > most {
            let (message, at) = match own.get(most) {
                Some(extra) => (format!("'{}' takes no more arguments", word.name), extra.mark),
                None => {
                    let missing = word.parameters[own.len()].name;
                    (format!("'{}' lacks its argument <{missing}>", word.name), command.mark)
                }
            };
            here.script.error(at, message, Some(&word.usage()));
            return None;
        }
        self.check_match(&tagged, &own, word, command, here);
        for (argument, parameter) in own.iter().zip(word.parameters) {
            if parameter.kind == Kind::Variable {
                site.variable = self.changed(argument, here);
                continue;
            }
            self.check(argument, parameter, word, here);
            self.argument(argument, here);
            site.arguments += 1;
        }
        site.own = site.arguments;
        let extras = [tagged.types, tagged.offset, tagged.ip];
        let places = [&mut site.form.types, &mut site.form.offset, &mut site.form.ip];
        for (extra, place) in extras.into_iter().zip(places) {
            let Some(extra) = extra else { continue };
            self.argument(extra, here);
            *place = Some(site.arguments);
            site.arguments += 1;
        }
        Some(site)
    }

    /// Splits tags, with their own arguments, from the rest.
    fn tags<'c>(
        &mut self,
        word: &'static Word,
        command: &'c Command,
        here: Here<'_, '_>,
    ) -> Option<(Tagged<'c>, Vec<&'c Argument>)> {
        let form = plain(word, word.tags.matching.and(self.comparator));
        let mut tagged = Tagged {
            form,
            types: None,
            offset: None,
            ip: None,
            comparator: None,
            is_over: None,
            has_match: false,
            has_body: false,
        };
        let mut own = Vec::new();
        let mut rest = command.arguments.iter();
        while let Some(argument) = rest.next() {
            match &argument.said {
                // A word without tags of its own may take one as a value.
                Said::Tag(_) if word.tags == Tags::NONE && takes_anything(word, own.len()) => {
                    own.push(argument)
                }
                Said::Tag(name) => tagged.read(name, argument.mark, &mut rest, word, here)?,
                _ => own.push(argument),
            }
        }
        if command.arguments.len() > MOST {
            here.script.error(command.mark, format!("more than {MOST} arguments"), None);
            return None;
        }
        if word.tags.size && tagged.is_over.is_none() {
            here.script.error(command.mark, "size compares with a number", Some(":over or :under"));
            return None;
        }
        Some((tagged, own))
    }

    /// What match type, comparator and literal keys do not agree about.
    fn check_match(
        &mut self,
        tagged: &Tagged<'_>,
        own: &[&Argument],
        word: &Word,
        command: &Command,
        here: Here<'_, '_>,
    ) {
        let matching = tagged.form.matching;
        let is_numeric = matching.comparator == Comparator::Numeric;
        let is_substring =
            matches!(matching.kind, MatchType::Contains | MatchType::Matches | MatchType::Regex);
        if is_numeric && is_substring {
            let mark = tagged.comparator.unwrap_or(command.mark);
            let message = "\"i;ascii-numeric\" compares whole numbers only (RFC 4790 §9.1)";
            here.script.error(mark, message, Some(":is, :value or :count with it"));
        }
        let Some(keys) = word.tags.matching.and(own.last()) else { return };
        if matching.kind == MatchType::Regex {
            for pattern in literals(keys) {
                if let Err(error) = Pattern::new(pattern, matching.comparator == Comparator::Casemap) {
                    here.script.error(keys.mark, format!("this is no regular expression: {error}"), None);
                }
            }
        }
        let compares_text = matches!(matching.kind, MatchType::Value(relation) if relation != Relation::BitwiseAnd)
            && !is_numeric
            && tagged.comparator.is_none();
        let is_number = matches!(keys.said, Said::Number(_))
            || literals(keys).any(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_digit()));
        if compares_text && is_number {
            here.script.warning(
                keys.mark,
                "this is compared as text, where \"9\" is greater than \"10\"; \
                 :comparator \"i;ascii-numeric\" compares numbers",
            );
        }
    }

    /// A literal argument that cannot be what the parameter wants.
    fn check(&mut self, argument: &Argument, parameter: &Parameter, word: &Word, here: Here<'_, '_>) {
        let wanted: Option<String> = match (parameter.kind, &argument.said) {
            (Kind::Text | Kind::Number | Kind::Code, Said::List(list)) if list.len() != 1 => {
                Some("one string, not a list".into())
            }
            (Kind::Hash, Said::Text(_) | Said::Number(_) | Said::List(_)) => {
                Some("a hash (made with hash_create)".into())
            }
            (Kind::Number, Said::Text(text)) if constant(text).is_some_and(|text| !is_number(text)) => {
                Some("a number".into())
            }
            (Kind::Code, Said::Text(text)) if constant(text).is_some_and(|text| !is_code(text)) => {
                Some("a reply code: 200 to 299, or 400 to 599".into())
            }
            (Kind::Code, Said::Number(text)) if !is_code(text) => {
                Some("a reply code: 200 to 299, or 400 to 599".into())
            }
            (Kind::OneOf(choices), _) => {
                let is_choice = |text: &str| choices.iter().any(|choice| choice.eq_ignore_ascii_case(text));
                let is_wrong = literals(argument).any(|text| !is_choice(text));
                is_wrong.then(|| format!("one of \"{}\"", choices.join("\", \"")))
            }
            _ => None,
        };
        if let Some(wanted) = wanted {
            let message = format!("this cannot be <{}> of '{}'", parameter.name, word.name);
            here.script.error(argument.mark, message, Some(&wanted));
        }
    }

    /// The variable that a word changes.
    fn changed(&mut self, argument: &Argument, here: Here<'_, '_>) -> Option<u16> {
        let Said::Variable(name) = &argument.said else {
            here.script.error(argument.mark, "this cannot be changed", Some("a variable, as in $h"));
            return None;
        };
        Some(self.reading(name, argument.mark, here))
    }

    pub(super) fn argument(&mut self, argument: &Argument, here: Here<'_, '_>) {
        let line = here.line(argument.mark);
        match &argument.said {
            Said::Text(text) => self.text(text, argument.mark, here),
            Said::Number(text) => {
                let number = self.constant(Constant::Number(text.as_str().into()));
                self.emit(Op::Constant(number), line);
            }
            Said::Tag(name) => {
                let number = self.constant(Constant::Tag(name.as_str().into()));
                self.emit(Op::Constant(number), line);
            }
            Said::List(texts) => self.list(texts, argument.mark, here),
            Said::Variable(name) => {
                let slot = self.reading(name, argument.mark, here);
                self.emit(Op::Variable(slot), line);
            }
            Said::Element(name, key) => {
                self.argument(key, here);
                let slot = self.reading(name, argument.mark, here);
                self.emit(Op::Element(slot), line);
            }
        }
    }

    fn list(&mut self, texts: &[Text], mark: Mark, here: Here<'_, '_>) {
        let line = here.line(mark);
        let known: Option<Box<[Box<str>]>> =
            texts.iter().map(|text| constant(text).map(Into::into)).collect();
        if let Some(known) = known {
            let number = self.constant(Constant::List(known));
            self.emit(Op::Constant(number), line);
            return;
        }
        if texts.len() > usize::from(u16::MAX) {
            here.script.error(mark, "this list is too long", Some("at most 65535 strings"));
            return;
        }
        for text in texts {
            self.text(text, mark, here);
        }
        self.emit(Op::List(texts.len() as u16), line);
    }
}

impl<'c> Tagged<'c> {
    fn read(
        &mut self,
        name: &str,
        mark: Mark,
        rest: &mut std::slice::Iter<'c, Argument>,
        word: &Word,
        here: Here<'_, '_>,
    ) -> Option<()> {
        let tags = word.tags;
        let match_type = match name {
            "is" => Some(MatchType::Is),
            "contains" => Some(MatchType::Contains),
            "matches" => Some(MatchType::Matches),
            "regex" => Some(MatchType::Regex),
            _ => None,
        };
        match name {
            _ if tags.matching.is_some() && match_type.is_some() => {
                self.match_type(match_type?, mark, here);
            }
            "value" | "count" if tags.matching.is_some() => {
                let expected =
                    "a relation: \"gt\", \"ge\", \"lt\", \"le\", \"eq\", \"ne\" or \"bitwise-and\"";
                let relation = literal(rest.next(), mark, expected, Relation::named, here)?;
                if name == "count" && relation == Relation::BitwiseAnd {
                    here.script.error(mark, "a count has no bits", Some("another relation"));
                }
                let kind =
                    if name == "value" { MatchType::Value(relation) } else { MatchType::Count(relation) };
                self.match_type(kind, mark, here);
            }
            "comparator" if tags.matching.is_some() => {
                let expected = "\"i;octet\", \"i;ascii-casemap\" or \"i;ascii-numeric\"";
                self.form.matching.comparator =
                    literal(rest.next(), mark, expected, Comparator::named, here)?;
                self.once(self.comparator.is_some(), mark, here);
                self.comparator = Some(mark);
            }
            "all" | "localpart" | "domain" | "user" | "detail" if tags.part => {
                self.form.part = Component::named(name).unwrap_or(Component::All);
            }
            "over" | "under" if tags.size => {
                self.once(self.is_over.is_some(), mark, here);
                self.form.is_over = name == "over";
                self.is_over = Some(mark);
            }
            "raw" | "text" | "content" | "binary" if tags.body => {
                self.once(self.has_body, mark, here);
                self.has_body = true;
                self.form.body = match name {
                    "raw" => BodyPart::Raw,
                    "text" => BodyPart::Text,
                    "content" => BodyPart::Content,
                    _ => BodyPart::Binary,
                };
                if matches!(self.form.body, BodyPart::Content | BodyPart::Binary) {
                    self.types = Some(argument(rest.next(), mark, "content types", here)?);
                }
            }
            "offset" if tags.body => {
                self.offset = Some(argument(rest.next(), mark, "a number of octets", here)?)
            }
            "ip" if tags.ip => self.ip = Some(argument(rest.next(), mark, "an IP address", here)?),
            _ => {
                here.script.error(mark, format!("'{}' takes no :{name}", word.name), Some(&word.usage()));
                return None;
            }
        }
        Some(())
    }

    fn match_type(&mut self, kind: MatchType, mark: Mark, here: Here<'_, '_>) {
        self.once(self.has_match, mark, here);
        self.has_match = true;
        self.form.matching.kind = kind;
    }

    /// RFC 5228 §2.7.1: more than one of a kind is an error.
    fn once(&self, is_second: bool, mark: Mark, here: Here<'_, '_>) {
        if is_second {
            here.script.error(mark, "there is one of these already", Some("only one of a kind"));
        }
    }
}

fn takes_anything(word: &Word, place: usize) -> bool {
    word.parameters.get(place).is_some_and(|parameter| parameter.kind == Kind::Any)
}

/// The value that a tag demands behind it.
fn argument<'c>(
    argument: Option<&'c Argument>,
    mark: Mark,
    expected: &str,
    here: Here<'_, '_>,
) -> Option<&'c Argument> {
    let found = argument.filter(|argument| !matches!(argument.said, Said::Tag(_)));
    if found.is_none() {
        here.script.error(mark, "this tag needs a value behind it", Some(expected));
    }
    found
}

/// A word that a tag demands behind it, known before the run.
fn literal<T>(
    argument: Option<&Argument>,
    mark: Mark,
    expected: &str,
    read: fn(&str) -> Option<T>,
    here: Here<'_, '_>,
) -> Option<T> {
    let text = argument.and_then(|argument| match &argument.said {
        Said::Text(text) => constant(text),
        _ => None,
    });
    let value = text.and_then(read);
    if value.is_none() {
        let at = argument.map_or(mark, |argument| argument.mark);
        here.script.error(at, "this does not follow the tag", Some(expected));
    }
    value
}

/// The strings of an argument that are known before the run.
fn literals(argument: &Argument) -> impl Iterator<Item = &str> {
    let texts: Vec<&Text> = match &argument.said {
        Said::Text(text) => vec![text],
        Said::List(texts) => texts.iter().collect(),
        _ => Vec::new(),
    };
    texts.into_iter().filter_map(constant)
}

fn is_number(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok_and(f64::is_finite)
}

fn is_code(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(crate::machine::is_code)
}
