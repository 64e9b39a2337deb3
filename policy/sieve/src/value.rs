//! What a variable may hold. Values are shared, never changed in place by two owners: a hash in two variables
//! is two hashes as soon as one is set.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::rc::Rc;

pub(crate) type Text = Rc<str>;
pub(crate) type List = Rc<Vec<Text>>;
pub(crate) type Hash = Rc<BTreeMap<Text, Value>>;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    Text(Text),
    /// Decimal text, as arithmetic takes and gives it.
    Number(Text),
    List(List),
    Hash(Hash),
    Tag(Text),
}

impl Default for Value {
    fn default() -> Self {
        Value::Text("".into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Text(if truth { "true" } else { "false" }.into())
    }
}

impl<T: Into<Text>> FromIterator<T> for Value {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        Value::List(Rc::new(items.into_iter().map(Into::into).collect()))
    }
}

impl Value {
    /// `type` calls it so.
    pub fn kind(&self) -> &'static str {
        match self {
            Value::Text(_) => "string",
            Value::Number(_) => "number",
            Value::List(_) => "stringlist",
            Value::Hash(_) => "hash",
            Value::Tag(_) => "tag",
        }
    }

    /// Where one string is wanted: of a list the first element, of a hash nothing.
    pub fn text(&self) -> Text {
        match self {
            Value::Text(text) | Value::Number(text) | Value::Tag(text) => text.clone(),
            Value::List(list) => list.first().cloned().unwrap_or_else(|| "".into()),
            Value::Hash(_) => "".into(),
        }
    }

    /// Where a list is wanted: a lone string is a list of one, a hash its values.
    pub fn texts(&self) -> Cow<'_, [Text]> {
        match self {
            Value::Text(text) | Value::Number(text) | Value::Tag(text) => {
                Cow::Borrowed(std::slice::from_ref(text))
            }
            Value::List(list) => Cow::Borrowed(list),
            Value::Hash(hash) => Cow::Owned(hash.values().map(Value::text).collect()),
        }
    }

    /// Not empty, "0", "false" or "no".
    pub fn is_true(&self) -> bool {
        match self {
            Value::List(list) => list.first().is_some_and(|text| is_true(text)),
            Value::Hash(hash) => !hash.is_empty(),
            other => is_true(&other.text()),
        }
    }

    /// `$list[0]`, `$hash["key"]`; none where there is no such element.
    pub fn element(&self, key: &str) -> Option<Value> {
        match self {
            Value::List(list) => {
                key.parse::<usize>().ok().and_then(|at| list.get(at)).cloned().map(Value::Text)
            }
            Value::Hash(hash) => hash.get(key).cloned(),
            // A list of one element and a string are the same to a script.
            other => (key == "0").then(|| other.clone()),
        }
    }

    /// Octets held, for the account of a run's memory.
    pub fn size(&self) -> usize {
        const OVERHEAD: usize = 32;
        match self {
            Value::Text(text) | Value::Number(text) | Value::Tag(text) => OVERHEAD + text.len(),
            Value::List(list) => OVERHEAD + list.iter().map(|text| OVERHEAD + text.len()).sum::<usize>(),
            Value::Hash(hash) => {
                OVERHEAD + hash.iter().map(|(key, value)| OVERHEAD + key.len() + value.size()).sum::<usize>()
            }
        }
    }

    /// For `hash_dump`.
    pub fn dump(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    fn write(&self, out: &mut String) {
        let _ = match self {
            Value::Text(text) | Value::Number(text) | Value::Tag(text) => write!(out, "{text:?}"),
            Value::List(list) => write!(out, "{list:?}"),
            Value::Hash(hash) => {
                out.push('{');
                for (index, (key, value)) in hash.iter().enumerate() {
                    let _ = write!(out, "{}{key:?}: ", if index > 0 { ", " } else { "" });
                    value.write(out);
                }
                write!(out, "}}")
            }
        };
    }
}

fn is_true(text: &str) -> bool {
    !["", "0", "false", "no"].iter().any(|false_like| text.eq_ignore_ascii_case(false_like))
}
