//! `impetus manual`: the reference of options, stanzas and modules, printed from their definitions.

use crate::arguments::Arguments;
use crate::{show, usage};
use config::{CATALOGUE, ModuleSyntax, OptionDef, Registry, Scope, Standing, StanzaSyntax};
use std::fmt::Write;
use std::process::ExitCode;

pub fn manual(mut arguments: Arguments) -> ExitCode {
    let format = match arguments.one_of("--format", &STYLES.each_ref().map(|style| style.name)) {
        Ok(format) => format,
        Err(problem) => return usage(&problem),
    };
    let style = STYLES.iter().find(|style| style.name == format).expect("one of their names");
    let name = arguments.next_word();
    if let Err(problem) = arguments.end() {
        return usage(&problem);
    }
    let registry = shard::registry();
    let text = match &name {
        None => whole(&registry, style),
        Some(name) => about(&registry, name, style),
    };
    if text.is_empty() {
        eprintln!("impetus: nothing is called {}", name.unwrap_or_default());
        return ExitCode::FAILURE;
    }
    show(&text)
}

/// How a heading, a name and a text look.
struct Style {
    name: &'static str,
    head: fn(&mut String),
    chapter: fn(&mut String, &str),
    entry: fn(&mut String, &str),
    line: fn(&mut String, &str),
}

const STYLES: [Style; 3] = [
    Style {
        name: "text",
        head: |_| {},
        chapter: |out, title| {
            let _ = writeln!(out, "{}\n", title.to_uppercase());
        },
        entry: |out, name| {
            let _ = writeln!(out, "{name}");
        },
        line: |out, line| {
            let _ = writeln!(out, "    {line}");
        },
    },
    Style {
        name: "markdown",
        head: |out| out.push_str("# Impetus: options, stanzas, modules\n\n"),
        chapter: |out, title| {
            let _ = writeln!(out, "## {title}\n");
        },
        entry: |out, name| {
            let _ = writeln!(out, "### `{name}`\n");
        },
        line: |out, line| {
            let _ = writeln!(out, "{}  ", line.replace('|', "\\|").replace('<', "&lt;"));
        },
    },
    Style {
        name: "roff",
        head: |out| {
            out.push_str(
                ".TH ECELERITY.CONF 5 \"\" Impetus\n.SH NAME\necelerity.conf \\- configuration of Impetus\n",
            );
        },
        chapter: |out, title| {
            let _ = writeln!(out, ".SH {}", title.to_uppercase());
        },
        entry: |out, name| {
            let _ = writeln!(out, ".TP\n.B {}", escaped(name));
        },
        line: |out, line| {
            let _ = writeln!(out, "{}\n.br", escaped(line));
        },
    },
];

/// Neither a request at the begin of a line, nor an escape.
fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\e").replace('-', "\\-");
    if text.starts_with(['.', '\'']) { format!("\\&{text}") } else { text }
}

fn whole(registry: &Registry, style: &Style) -> String {
    let mut out = String::new();
    (style.head)(&mut out);
    (style.chapter)(&mut out, "Stanzas");
    CATALOGUE[2..].iter().for_each(|row| stanza(&mut out, row.scope, style));
    (style.chapter)(&mut out, "Options");
    options(registry).into_iter().for_each(|option| entry(&mut out, option, style));
    (style.chapter)(&mut out, "Modules");
    modules(registry).into_iter().for_each(|syntax| module(&mut out, syntax, style));
    out
}

fn about(registry: &Registry, name: &str, style: &Style) -> String {
    let mut out = String::new();
    if let Some(scope) = Scope::named(name) {
        stanza(&mut out, scope, style);
    }
    let named = options(registry).into_iter().filter(|option| option.name.eq_ignore_ascii_case(name));
    named.for_each(|option| entry(&mut out, option, style));
    let named = modules(registry).into_iter().filter(|module| module.name.eq_ignore_ascii_case(name));
    named.for_each(|syntax| module(&mut out, syntax, style));
    out
}

fn options(registry: &Registry) -> Vec<&'static OptionDef> {
    let own = |option: &&OptionDef| !option.scopes.contains(Scope::Module);
    let mut options: Vec<_> = registry.options().filter(own).collect();
    options.sort_by_key(|option| (option.name.to_ascii_lowercase(), option.scopes.iter().next()));
    options
}

fn modules(registry: &Registry) -> Vec<&ModuleSyntax> {
    let mut modules: Vec<_> = registry.modules().iter().collect();
    modules.sort_by_key(|module| module.name);
    modules
}

fn stanza(out: &mut String, scope: Scope, style: &Style) {
    let row = scope.definition();
    let name = if row.naming == config::Naming::Anonymous { "" } else { " NAME" };
    (style.entry)(out, &format!("{}{name} {{ }}", row.keyword));
    lines(out, row.documentation, style);
    let parents: Vec<_> = row.parents.iter().map(|scope| scope.keyword()).collect();
    (style.line)(out, &format!("in {}", parents.join(", ")));
    standing(out, row.standing, row.tier, style);
    out.push('\n');
}

fn entry(out: &mut String, option: &OptionDef, style: &Style) {
    (style.entry)(out, option.name);
    body(out, option, true, style);
    out.push('\n');
}

fn body(out: &mut String, option: &OptionDef, with_scopes: bool, style: &Style) {
    lines(out, option.documentation, style);
    let words = option.words.join(" | ");
    let kind = if words.is_empty() { option.type_name } else { &words };
    let unit = if option.unit.is_empty() { String::new() } else { format!(" in {}", option.unit) };
    let default = if option.default.is_empty() { "unset" } else { option.default };
    (style.line)(out, &format!("{kind}{unit}; default {default}"));
    if let Some(original) = &option.original {
        let theirs = if original.default.is_empty() { "unset" } else { original.default };
        (style.line)(out, &format!("Momentum's default is {theirs}; ours differs: {}", original.reason));
    }
    if with_scopes {
        let scopes: Vec<_> = option.scopes.iter().map(Scope::keyword).collect();
        (style.line)(out, &format!("in {}", scopes.join(", ")));
        standing(out, option.standing, option.tier, style);
    } else if option.standing != Standing::Honoured {
        standing(out, option.standing, option.tier, style);
    }
}

fn standing(out: &mut String, standing: Standing, tier: u8, style: &Style) {
    let tier = if tier == 0 { "not in Momentum".to_owned() } else { format!("tier {tier}") };
    let reason = if standing.reason().is_empty() { "" } else { ": " };
    (style.line)(out, &format!("{tier}; {}{reason}{}", standing.name(), standing.reason()));
}

fn lines(out: &mut String, documentation: &str, style: &Style) {
    documentation.lines().for_each(|line| (style.line)(out, line.trim()));
}

fn module(out: &mut String, module: &ModuleSyntax, style: &Style) {
    let name = match module.instances {
        config::Instances::Singleton => "",
        config::Instances::Any => " [NAME]",
        config::Instances::One | config::Instances::Many => " NAME",
    };
    (style.entry)(out, &format!("{}{name} {{ }}", module.name));
    if let Some(known) = config::catalogue::known(module.name) {
        (style.line)(out, known.documentation);
        standing(out, known.standing, known.tier, style);
    }
    fields(out, module.options, "", style);
    nested(out, module.stanzas, "", style);
    out.push('\n');
}

fn fields(out: &mut String, families: &[&'static [OptionDef]], path: &str, style: &Style) {
    for option in families.iter().copied().flatten() {
        (style.entry)(out, &format!("  {path}{}", option.name));
        body(out, option, false, style);
        if style.name == "markdown" {
            out.push('\n');
        }
    }
}

fn nested(out: &mut String, stanzas: &[StanzaSyntax], path: &str, style: &Style) {
    for stanza in stanzas {
        let path = format!("{path}{} / ", stanza.keyword);
        fields(out, stanza.options, &path, style);
        nested(out, stanza.stanzas, &path, style);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_stanza_and_module_has_an_entry_in_every_format() {
        let registry = shard::registry();
        for style in &STYLES {
            let text = whole(&registry, style);
            let names = registry.options().map(|option| option.name).chain(
                registry
                    .modules()
                    .iter()
                    .map(|module| module.name)
                    .chain(CATALOGUE[2..].iter().map(|row| row.keyword)),
            );
            for name in names {
                assert!(text.contains(&escaped(name)) || text.contains(name), "{}: {name}", style.name);
            }
        }
    }

    #[test]
    fn an_entry_says_type_unit_default_scopes_and_standing() {
        let registry = shard::registry();
        let text = about(&registry, "Retry_Interval", &STYLES[0]);
        for part in [
            "retry_interval\n",
            "time in seconds; default 1200",
            "in Global, Binding_Group",
            "tier 1; honoured",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let text = about(&registry, "rfc2822_lone_lf_in_body", &STYLES[0]);
        assert!(
            text.contains("ignore | pedantic | fix") && text.contains("Momentum's default is ignore"),
            "{text}"
        );
        assert!(about(&registry, "url_ripper", &STYLES[0]).contains("bits"));
        assert_eq!(about(&registry, "no_such_name", &STYLES[0]), "");
    }

    #[test]
    fn a_man_page_has_no_line_that_roff_would_take_for_a_request_of_its_own() {
        let text = whole(&shard::registry(), &STYLES[2]);
        let requests = [".TH", ".SH", ".TP", ".B ", ".br"];
        for line in text.lines().filter(|line| line.starts_with(['.', '\''])) {
            assert!(requests.iter().any(|request| line.starts_with(request)), "{line}");
        }
    }
}
