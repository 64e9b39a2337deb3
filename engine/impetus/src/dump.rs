//! `impetus dump`: the configuration as it was understood, as XML, JSON, or in its own language. Also
//! `ec_dump_config`.

use crate::arguments::Arguments;
use crate::configuration::{self, EX_CONFIG};
use crate::{show, usage};
use config::{Complaint, Severity, Snapshot, Stanza, Value};
use serde_json::json;
use std::fmt::Write;
use std::process::ExitCode;

pub fn dump(mut arguments: Arguments) -> ExitCode {
    let wish = (|| {
        let file = arguments.value(&["-c", "--config"])?;
        let format = arguments.one_of("--format", &["conf", "json", "xml"])?;
        arguments.end().map(|()| (file, format))
    })();
    match wish {
        Ok((file, format)) => write(file.as_deref(), format, None, configuration::print),
        Err(problem) => usage(&problem),
    }
}

/// `-e` named the folder of loadable modules; ours are built in.
pub fn ec_dump_config(mut arguments: Arguments) -> ExitCode {
    let wish = (|| {
        let file = arguments.value(&["-c"])?.unwrap_or_else(|| "ecelerity.conf".into());
        arguments.value(&["-e"])?;
        let output = arguments.value(&["-f"])?;
        arguments.end().map(|()| (file, output))
    })();
    match wish {
        Ok((file, output)) => write(Some(&file), "xml", output.as_deref(), |complaints| {
            eprint!("{}", in_old_words(complaints));
        }),
        Err(problem) => usage(&problem),
    }
}

/// What Momentum's program says, which scripts may look for (spec config-language.md §13).
fn in_old_words(complaints: &[Complaint]) -> String {
    let mut text = String::new();
    for complaint in complaints.iter().filter(|complaint| complaint.severity == Severity::Error) {
        let Some(spot) = &complaint.place else {
            let _ = writeln!(text, "{}", complaint.message);
            continue;
        };
        let near: String = spot.excerpt.chars().skip(spot.indent).take(spot.width).collect();
        if let Some((_, scope)) = complaint.message.split_once("is not a valid scope name in scope ") {
            let line = format!("No module provides capability 'config.{}:{near}'.", scope.trim_matches('\''));
            let _ = writeln!(text, "{line}\nCFG-07961 {line}");
        }
        let (file, line) = (&spot.position.file, spot.position.line);
        let _ = writeln!(text, "Syntax error in {file} at line {line} near '{near}'\n{}", complaint.message);
    }
    text.push_str("Reconfigure failed.\nGlobal configuration error.\n");
    text
}

fn write(file: Option<&str>, format: &str, output: Option<&str>, refuse: impl Fn(&[Complaint])) -> ExitCode {
    let examined = configuration::examine(file, &shard::registry());
    let Some(snapshot) = examined.snapshot.filter(|_| !examined.rejected) else {
        refuse(&examined.complaints);
        return ExitCode::from(EX_CONFIG);
    };
    let text = match format {
        "xml" => xml(&snapshot),
        "json" => format!("{:#}\n", as_json(snapshot.root())),
        _ => conf(&snapshot),
    };
    let Some(path) = output else { return show(&text) };
    match std::fs::write(path, &text) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("impetus: cannot write {path}: {error}");
            ExitCode::FAILURE
        }
    }
}

fn conf(snapshot: &Snapshot) -> String {
    fn body(out: &mut String, stanza: Stanza<'_>, depth: usize) {
        let indent = "  ".repeat(depth);
        for (option, value) in sorted(stanza) {
            let _ = writeln!(out, "{indent}{} = {value}", option.name);
        }
        for child in stanza.children() {
            let name =
                if child.name().is_empty() { String::new() } else { format!(" {}", quoted(child.name())) };
            let _ = writeln!(out, "{indent}{}{name} {{", child.keyword());
            body(out, child, depth + 1);
            let _ = writeln!(out, "{indent}}}");
        }
    }
    let mut out = String::new();
    body(&mut out, snapshot.root(), 0);
    out
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""))
}

fn sorted(stanza: Stanza<'_>) -> Vec<(&'static config::OptionDef, &Value)> {
    let mut values: Vec<_> = stanza.values().collect();
    values.sort_by_key(|(option, _)| option.name);
    values
}

fn xml(snapshot: &Snapshot) -> String {
    fn body(out: &mut String, stanza: Stanza<'_>, depth: usize) {
        let indent = "  ".repeat(depth);
        for (option, value) in sorted(stanza) {
            let name = escaped(option.name);
            let _ = match value {
                Value::Scalar(word) => {
                    writeln!(out, "{indent}<option name=\"{name}\">{}</option>", escaped(&word.text))
                }
                Value::List(words) => {
                    let items: String =
                        words.iter().map(|word| format!("<item>{}</item>", escaped(&word.text))).collect();
                    writeln!(out, "{indent}<option name=\"{name}\"><list>{items}</list></option>")
                }
                Value::Dictionary(pairs) => {
                    let pair = |(key, value): &(config::Word, config::Word)| {
                        format!("<pair key=\"{}\">{}</pair>", escaped(&key.text), escaped(&value.text))
                    };
                    let pairs: String = pairs.iter().map(pair).collect();
                    writeln!(out, "{indent}<option name=\"{name}\"><dictionary>{pairs}</dictionary></option>")
                }
            };
        }
        for child in stanza.children() {
            let (keyword, name) = (escaped(child.keyword()), escaped(child.name()));
            let place = child
                .position()
                .map(|place| format!(" file=\"{}\" line=\"{}\"", escaped(&place.file), place.line));
            let place = place.unwrap_or_default();
            let _ = writeln!(out, "{indent}<scope type=\"{keyword}\" name=\"{name}\"{place}>");
            body(out, child, depth + 1);
            let _ = writeln!(out, "{indent}</scope>");
        }
    }
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<configuration>\n");
    body(&mut out, snapshot.root(), 1);
    out.push_str("</configuration>\n");
    out
}

/// Control characters other than blanks cannot be in XML at all.
fn escaped(text: &str) -> String {
    let tame =
        |letter: char| if letter.is_control() && !letter.is_whitespace() { '\u{FFFD}' } else { letter };
    let text: String = text.chars().map(tame).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn as_json(stanza: Stanza<'_>) -> serde_json::Value {
    let value = |value: &Value| match value {
        Value::Scalar(word) => json!(&*word.text),
        Value::List(words) => words.iter().map(|word| &*word.text).collect(),
        Value::Dictionary(pairs) => {
            pairs.iter().map(|(key, value)| (key.text.to_string(), json!(&*value.text))).collect()
        }
    };
    let options: serde_json::Map<_, _> =
        sorted(stanza).into_iter().map(|(option, given)| (option.name.to_owned(), value(given))).collect();
    json!({
        "scope": stanza.keyword(), "name": stanza.name(), "options": options,
        "scopes": stanza.children().map(|child| as_json(child)).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use config::MemoryLoader;

    fn loaded(text: &str) -> Snapshot {
        let loader = MemoryLoader::default().with("m", text);
        config::load("m", &loader, &shard::registry(), &[""]).expect("a valid configuration").0
    }

    #[test]
    fn what_is_dumped_in_its_own_language_means_the_same() {
        let text = "relay_hosts = ( 10.0.0.1 ::1 ) binding_group \"g\\\"x\" { binding b { retry_interval = 5 } }
                    esmtp_listener { listen :25 { context = [ a = \"b c\" ] } } domain /x\\.y$/ { max_retries = 3 }";
        let once = conf(&loaded(text));
        assert_eq!(conf(&loaded(&once)), once);
        assert!(once.contains("binding_group") || once.contains("Binding_Group"), "{once}");
    }

    #[test]
    fn an_unknown_option_is_told_in_the_old_words() {
        let loader = MemoryLoader::default().with("m", "hostname = h\n\ninvalid_option = 1\n");
        let complaints = config::load("m", &loader, &shard::registry(), &[""]).expect_err("a fault");
        let expected = "\
No module provides capability 'config.Global:invalid_option'.
CFG-07961 No module provides capability 'config.Global:invalid_option'.
Syntax error in m at line 3 near 'invalid_option'
'invalid_option' is not a valid scope name in scope 'Global'
Reconfigure failed.
Global configuration error.
";
        assert_eq!(in_old_words(&complaints), expected);
    }

    #[test]
    fn xml_and_json_hold_every_value() {
        let snapshot = loaded("hostname = \"a<b\" domain x { retry_interval = 7 } relay_domains = ( a b )");
        let text = xml(&snapshot);
        for part in [
            "<option name=\"hostname\">a&lt;b</option>",
            "<scope type=\"Domain\" name=\"x\" file=\"m\" line=\"1\">",
            "<option name=\"retry_interval\">7</option>",
            "<list><item>a</item><item>b</item></list>",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
        let document = as_json(snapshot.root());
        assert_eq!(document["options"]["relay_domains"], json!(["a", "b"]));
    }
}
