//! What a script says of a table: `msys.cidr.define` and Sieve's `define_cidr`.

use std::time::Duration;

/// A column of the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Column {
    Name(Box<str>),
    /// From 0.
    Number(usize),
}

/// Which value of an rbldnsd entry counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    A,
    Txt,
}

/// Where the blocks come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    Empty,
    /// All rows of a query, whatever `max_rows` says.
    Datasource {
        name: Box<str>,
        query: Box<str>,
        blocks: Column,
        /// None: whoever is listed is listed.
        values: Option<Column>,
    },
    Rbldnsd {
        path: Box<str>,
        want: Want,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Definition {
    pub origin: Origin,
    /// What those get who are not listed.
    pub default_value: Option<Box<str>>,
    /// `$` in a value stands for the address.
    pub interpolate: bool,
    /// After which it is read anew; zero: only when asked to.
    pub refresh: Duration,
}

impl Definition {
    /// From the keys of the two languages: `type` (or Sieve's `dstype`) datasource, dslayer, rbldnsd or empty;
    /// `cachename`, `query`, `cidr_column`, `value_column`; `source`, `value` (a or txt); `default_value`,
    /// `interpolate`, `refresh`. Sieve's `type` is boolean or value, its `query` of an rbldnsd table the source.
    pub fn of<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Definition, String> {
        let pairs: Vec<(&str, &str)> = pairs.into_iter().collect();
        let find = |key: &str| {
            pairs.iter().find(|(known, _)| known.eq_ignore_ascii_case(key)).map(|(_, value)| value.trim())
        };
        let needed = |key: &str| {
            find(key).filter(|value| !value.is_empty()).ok_or_else(|| format!("{key} is missing"))
        };
        let kind = find("dstype").or(find("type")).unwrap_or("datasource");
        let origin = match kind.to_ascii_lowercase().as_str() {
            "empty" => Origin::Empty,
            "rbldnsd" => {
                let source =
                    needed("source").or_else(|_| needed("query")).map_err(|_| "source is missing")?;
                rbldnsd(source, find("value"))?
            }
            "datasource" | "dslayer" => {
                let has_values = find("dstype").is_some() && find("type").is_some_and(|kind| kind == "value");
                let second = has_values.then_some(Column::Number(1));
                Origin::Datasource {
                    name: needed("cachename")?.into(),
                    query: needed("query")?.into(),
                    blocks: find("cidr_column").map_or(Ok(Column::Number(0)), column)?,
                    values: find("value_column").map(column).transpose()?.or(second),
                }
            }
            other => return Err(format!("type '{other}' is none of datasource, rbldnsd, empty")),
        };
        let refresh = match find("refresh") {
            Some(text) => text.parse::<f64>().ok().filter(|seconds| (0.0..1e9).contains(seconds)),
            None => Some(1800.0),
        };
        let refresh = refresh.ok_or("refresh: expected seconds, 0 or more")?;
        Ok(Definition {
            origin,
            default_value: find("default_value").map(Into::into),
            interpolate: matches!(find("interpolate"), Some("true" | "1" | "yes")),
            refresh: Duration::from_secs_f64(refresh),
        })
    }
}

fn column(text: &str) -> Result<Column, String> {
    match text.parse::<usize>() {
        Ok(0) => Err("columns are numbered from 1".to_owned()),
        Ok(number) => Ok(Column::Number(number - 1)),
        Err(_) => Ok(Column::Name(text.into())),
    }
}

/// A path, or a `file://` URI with `?want=a` or `?want=txt`.
fn rbldnsd(source: &str, value: Option<&str>) -> Result<Origin, String> {
    let (source, asked) =
        source.split_once("?want=").map_or((source, None), |(path, want)| (path, Some(want)));
    let path = source.strip_prefix("file://").unwrap_or(source);
    if !path.starts_with('/') {
        return Err(format!("'{source}' is no file, expected an absolute path"));
    }
    let want = match value.or(asked).unwrap_or("a").to_ascii_lowercase().as_str() {
        "a" => Want::A,
        "txt" => Want::Txt,
        other => return Err(format!("value '{other}' is none of a, txt")),
    };
    Ok(Origin::Rbldnsd { path: path.into(), want })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Definition, String> {
        Definition::of(text.split(';').filter_map(|pair| pair.split_once('=')))
    }

    #[test]
    fn both_languages_say_the_same_in_their_keys() {
        let lua =
            of("type=datasource;cachename=db;query=select c, v from t;value_column=2;refresh=60").unwrap();
        let sieve = of("dstype=dslayer;cachename=db;query=select c, v from t;type=value;refresh=60").unwrap();
        assert_eq!(lua, sieve);
        assert_eq!(lua.refresh, Duration::from_secs(60));
        let lua = of("type=rbldnsd;source=/z;value=txt;interpolate=true;default_value=none").unwrap();
        assert_eq!(lua.origin, Origin::Rbldnsd { path: "/z".into(), want: Want::Txt });
        assert_eq!((lua.interpolate, lua.default_value.as_deref()), (true, Some("none")));
        let sieve = of("dstype=rbldnsd;query=file:///z?want=txt").unwrap();
        assert_eq!((sieve.origin, sieve.refresh), (lua.origin, Duration::from_secs(1800)));
        assert_eq!(of("type=empty;refresh=0").unwrap().origin, Origin::Empty);
    }

    #[test]
    fn what_is_missing_or_wrong_is_named() {
        for (text, expected) in [
            ("type=datasource;query=q", "cachename is missing"),
            ("type=datasource;cachename=d", "query is missing"),
            ("type=rbldnsd", "source is missing"),
            ("type=rbldnsd;source=http://x/y", "'http://x/y' is no file, expected an absolute path"),
            ("type=rbldnsd;source=/z;value=mx", "value 'mx' is none of a, txt"),
            ("type=ldap", "type 'ldap' is none of datasource, rbldnsd, empty"),
            ("type=empty;refresh=-1", "refresh: expected seconds, 0 or more"),
            ("type=datasource;cachename=d;query=q;cidr_column=0", "columns are numbered from 1"),
        ] {
            assert_eq!(of(text).unwrap_err(), expected);
        }
    }
}
