//! What the console says of a configuration: a value, a stanza, where instances stand (spec config-language.md
//! §12.2). All of it reads one snapshot and can be read again by the parser.

use crate::path::{Path, canonical, normal_name, read};
use crate::print::quoted;
use crate::registry::Ground;
use crate::resolve::Inbound;
use crate::{Endpoint, OptionDef, Registry, Scope, Snapshot, Stanza, View};
use ipnet::IpNet;

const INDENT: usize = 2;

/// An option and its value, as `Name = value`.
pub type Pair = (String, String);

/// A stanza as it is headed, and its path.
pub type Located = (String, String);

impl Snapshot {
    /// What is set in that very scope. `[scope [name]]... option`
    pub fn get(&self, text: &str, registry: &Registry) -> Result<Pair, String> {
        let (path, option) = option_of(text, registry)?;
        let instance = self.at(&path).map_err(|fault| fault.sentence())?;
        let stored = instance.and_then(|number| self.instances[number as usize].stored(option.key));
        match stored {
            Some(stored) => Ok((canonical(option.name), stored.value.to_string())),
            None => Err(format!("Option '{}' is not set in scope '{path}'.", canonical(option.name))),
        }
    }

    /// What applies there: after fallback to wider scopes, and the default.
    pub fn eval(&self, text: &str, registry: &Registry) -> Result<Pair, String> {
        let (path, option) = option_of(text, registry)?;
        let view = self.view_of(&path)?;
        let found = view.found(option).next();
        let value = found.map_or_else(|| option.default_value().to_string(), |found| found.value.to_string());
        Ok((canonical(option.name), value))
    }

    /// One scope, or one option of it; with all that stands inside if `recurse`.
    pub fn show(&self, text: &str, registry: &Registry, recurse: bool) -> Result<String, String> {
        let named = read(text, registry)?;
        let Path(steps) = &named.path;
        if let Some(option) = named.option {
            let (name, value) = self.get(text, registry)?;
            debug_assert!(name.eq_ignore_ascii_case(option.name));
            return Ok(format!("{name} = {value}"));
        }
        let number = self.at(&named.path).map_err(|fault| fault.sentence())?;
        let number = number.ok_or_else(|| format!("there is no '{}'", named.path))?;
        let mut out = String::new();
        if steps.is_empty() {
            self.print_body(number, 0, recurse, &mut out);
        } else {
            self.print(number, 0, recurse, &mut out);
        }
        out.truncate(out.trim_end().len());
        Ok(out)
    }

    fn print(&self, number: u32, depth: usize, recurse: bool, out: &mut String) {
        let instance = &self.instances[number as usize];
        out.push_str(&format!("{:width$}{}", "", header(self.stanza(number)), width = depth * INDENT));
        if instance.values.is_empty() && instance.children.is_empty() {
            return out.push_str(" {}\n");
        }
        out.push_str(" {\n");
        self.print_body(number, depth + 1, recurse, out);
        out.push_str(&format!("{:width$}}}\n", "", width = depth * INDENT));
    }

    fn print_body(&self, number: u32, depth: usize, recurse: bool, out: &mut String) {
        let instance = &self.instances[number as usize];
        let width = depth * INDENT;
        let mut values: Vec<_> = instance.values.iter().collect();
        values.sort_by_key(|stored| (stored.span.file, stored.span.start));
        for stored in values {
            out.push_str(&format!("{:width$}{} = {}\n", "", canonical(stored.option.name), stored.value));
        }
        for child in &instance.children {
            match recurse {
                true => self.print(*child, depth, recurse, out),
                false => {
                    out.push_str(&format!("{:width$}{} {{ ... }}\n", "", header(self.stanza(*child))));
                }
            }
        }
    }

    /// Every instance of a kind, with its path; of one name, if there is one. `scope [name]`
    pub fn locate(&self, text: &str) -> Result<Vec<Located>, String> {
        let mut words = text.splitn(2, char::is_whitespace);
        let (keyword, name) = (words.next().unwrap_or(""), words.next().map(str::trim));
        if keyword.is_empty() {
            return Err("a scope is missing".into());
        }
        let name = name.filter(|name| !name.is_empty()).map(|name| name.trim_matches('"'));
        let found = (0..self.instances.len() as u32).map(|number| self.stanza(number)).filter(|stanza| {
            stanza.keyword().eq_ignore_ascii_case(keyword)
                && stanza.id().as_str() != ""
                && name.is_none_or(|name| stanza.name().eq_ignore_ascii_case(name))
        });
        Ok(found.map(|stanza| (header(stanza), shown_id(stanza))).collect())
    }

    /// The chain of §9 that a path stands for.
    fn view_of(&self, path: &Path) -> Result<View<'_>, String> {
        let mut key = Key::default();
        for step in &path.0 {
            let name = normal_name(step).map_err(|fault| fault.sentence())?;
            match step.ground {
                Ground::Core(scope) => key.take(scope, name),
                // Only their own stanza, then defaults (§9.5).
                Ground::Module(_) | Ground::Stanza(_) => return self.own_view(path),
            }
        }
        let (group, binding) = (key.group.as_deref(), key.binding.as_deref().unwrap_or(""));
        let group = group.unwrap_or_else(|| self.group_of(binding));
        match (&key.listener, &key.host, &key.pathway) {
            (Some(listener), ..) => {
                let endpoint = key.endpoint.unwrap_or(Endpoint::Unix("".into()));
                let peer = key.peer.map(|network| network.addr());
                let pathway = Some("default");
                // Without a peer no Peer stanza applies: no client has that address.
                let peer = peer.or(Some(std::net::Ipv6Addr::UNSPECIFIED.into()));
                Ok(self.inbound(Inbound { listener: *listener, endpoint: &endpoint, peer, pathway }))
            }
            (None, Some(host), _) => Ok(self.host(group, binding, host)),
            (None, None, Some(pathway)) => Ok(self.pathway(pathway)),
            (None, None, None) if key.is_outbound => {
                Ok(self.outbound(group, binding, key.domain.as_deref().unwrap_or("")))
            }
            _ if path.0.is_empty() => Ok(self.global()),
            _ => self.own_view(path),
        }
    }

    fn own_view(&self, path: &Path) -> Result<View<'_>, String> {
        let number = self.at(path).map_err(|fault| fault.sentence())?;
        Ok(View::of(self, number.into_iter().collect()))
    }

    fn group_of(&self, binding: &str) -> &str {
        self.bindings().find(|(_, known)| *known == binding).map_or("", |(group, _)| group)
    }
}

/// The names that select a chain.
#[derive(Default)]
struct Key {
    group: Option<String>,
    binding: Option<String>,
    domain: Option<String>,
    host: Option<String>,
    pathway: Option<String>,
    listener: Option<Scope>,
    endpoint: Option<Endpoint>,
    peer: Option<IpNet>,
    is_outbound: bool,
}

impl Key {
    fn take(&mut self, scope: Scope, name: String) {
        match scope {
            Scope::BindingGroup => self.group = Some(name),
            Scope::Binding => self.binding = Some(name),
            Scope::Domain => self.domain = Some(name),
            Scope::Host => self.host = Some(name),
            Scope::Pathway => self.pathway = Some(name),
            Scope::Listen => self.endpoint = name.parse().ok(),
            Scope::Peer => self.peer = name.parse().ok(),
            _ if Scope::Listen.may_stand_in(scope) => self.listener = Some(scope),
            _ => {}
        }
        self.is_outbound |= matches!(scope, Scope::BindingGroup | Scope::Binding | Scope::Domain);
    }
}

fn option_of(text: &str, registry: &Registry) -> Result<(Path, &'static OptionDef), String> {
    let named = read(text, registry)?;
    match named.option {
        Some(option) if text[named.end..].trim().is_empty() => Ok((named.path, option)),
        Some(_) => Err(format!("'{}' is too much", text[named.end..].trim())),
        None => Err("an option is missing".into()),
    }
}

fn header(stanza: Stanza<'_>) -> String {
    match stanza.name() {
        "" => canonical(stanza.keyword()),
        name => format!("{} {}", canonical(stanza.keyword()), quoted(name)),
    }
}

/// Keywords as in `header`; names are theirs.
fn shown_id(stanza: Stanza<'_>) -> String {
    stanza.id().parts().map(|(keyword, name)| format!("{}:{name}:", canonical(keyword))).collect()
}
