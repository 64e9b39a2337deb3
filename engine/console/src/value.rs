//! What an answer is made of: named values in an order that means something.

use mail::Time;

/// One value of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Text(String),
    Count(u64),
    /// Shown with two decimals unless the layout says otherwise.
    Real(f64),
    Flag(bool),
    /// Seconds since 1970 unless the layout says `date`.
    Time(Time),
    List(Vec<Value>),
    Record(Record),
}

/// Named values in their documented order. A name that is absent takes its line out of the layout.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Record(pub Vec<(&'static str, Value)>);

impl Record {
    pub fn new() -> Record {
        Record::default()
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Record {
        self.0.push((name, value.into()));
        self
    }

    /// Leaves the name out if there is no value.
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Record {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// `record! { domain: name, active: 3u64 }`
#[macro_export]
macro_rules! record {
    ($($name:ident: $value:expr),* $(,)?) => {
        $crate::Record(vec![$((stringify!($name), $crate::Value::from($value))),*])
    };
}

macro_rules! values {
    ($($from:ty => |$value:ident| $into:expr;)*) => {
        $(impl From<$from> for Value {
            fn from($value: $from) -> Value {
                $into
            }
        })*
    };
}

values! {
    String => |value| Value::Text(value);
    &str => |value| Value::Text(value.to_owned());
    Box<str> => |value| Value::Text(value.into());
    std::rc::Rc<str> => |value| Value::Text((*value).to_owned());
    std::sync::Arc<str> => |value| Value::Text((*value).to_owned());
    u64 => |value| Value::Count(value);
    u32 => |value| Value::Count(value.into());
    u16 => |value| Value::Count(value.into());
    usize => |value| Value::Count(value as u64);
    f64 => |value| Value::Real(value);
    bool => |value| Value::Flag(value);
    Time => |value| Value::Time(value);
    Vec<Value> => |value| Value::List(value);
    Record => |value| Value::Record(value);
    Vec<Record> => |value| Value::List(value.into_iter().map(Value::Record).collect());
    Vec<String> => |value| Value::List(value.into_iter().map(Value::Text).collect());
}
