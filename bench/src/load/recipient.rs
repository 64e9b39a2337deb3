//! Addresses of recipients, made from the number of the delivery.

/// `user{n}@d{n%100}.example`: `{n}` is the number, `{n%K}` its remainder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Vec<Part>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Number,
    Remainder(u64),
}

impl Template {
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<Template, String> {
        if text.is_empty() || text.contains(|c: char| c.is_control() || matches!(c, ' ' | '<' | '>')) {
            return Err(format!("not an address: {text}"));
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, from)) = rest.split_once('{') {
            let (inside, after) = from.split_once('}').ok_or_else(|| format!("}} is missing: {text}"))?;
            push_text(&mut parts, before);
            parts.push(placeholder(inside)?);
            rest = after;
        }
        push_text(&mut parts, rest);
        Ok(Template(parts))
    }

    pub fn write(&self, number: u64, out: &mut Vec<u8>) {
        for part in &self.0 {
            match part {
                Part::Text(text) => out.extend_from_slice(text),
                Part::Number => write_decimal(number, out),
                Part::Remainder(of) => write_decimal(number % of, out),
            }
        }
    }

    /// The local part ends with `{n}`: the sink tells the recipients of one message apart by it.
    pub fn numbers_local_part(&self) -> bool {
        let before_domain = |pair: &[Part]| {
            matches!(&pair[1], Part::Text(text) if text.starts_with(b"@")) && pair[0] == Part::Number
        };
        self.0.windows(2).any(before_domain) || self.0.last() == Some(&Part::Number)
    }
}

fn push_text(parts: &mut Vec<Part>, text: &str) {
    if !text.is_empty() {
        parts.push(Part::Text(text.into()));
    }
}

fn placeholder(inside: &str) -> Result<Part, String> {
    let unknown = || format!("{{{inside}}} is neither {{n}} nor {{n%K}}");
    if inside == "n" {
        return Ok(Part::Number);
    }
    match inside.strip_prefix("n%").ok_or_else(unknown)?.parse() {
        Ok(0) => Err(format!("{{{inside}}} divides by zero")),
        Ok(of) => Ok(Part::Remainder(of)),
        Err(_) => Err(unknown()),
    }
}

pub(crate) fn write_decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_where_the_template_says() {
        for (template, number, address) in [
            ("user{n}@d{n%100}.example", 1234, "user1234@d34.example"),
            ("postmaster@example.com", 7, "postmaster@example.com"),
            ("{n}", 0, "0"),
            ("a{n%2}b@x", u64::MAX, "a1b@x"),
        ] {
            let mut out = Vec::new();
            Template::parse(template).unwrap().write(number, &mut out);
            assert_eq!(String::from_utf8(out).unwrap(), address);
        }
    }

    #[test]
    fn a_template_knows_whether_it_tells_recipients_apart() {
        for (template, apart) in [
            ("u{n}@d", true),
            ("u{n}", true),
            ("u{n}x@d", false),
            ("u{n%9}@d", false),
            ("u@d{n}.example", false),
        ] {
            assert_eq!(Template::parse(template).unwrap().numbers_local_part(), apart, "{template}");
        }
    }

    #[test]
    fn other_placeholders_are_refused() {
        for wrong in ["", "a b", "{m}", "{n", "{n%}", "{n%0}", "<a@b>"] {
            assert!(Template::parse(wrong).is_err(), "{wrong}");
        }
    }
}
