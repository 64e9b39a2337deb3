//! alias: recipients are replaced by what a data source says of them, before each goes its own way (spec
//! module-details.md, alias).
//!
//! The law: an expansion ends: nobody is expanded twice in one message, and a message's list and questions have bounds.
//! A source that fails costs a temporary refusal; an answer without one good address leaves the recipient as it is.

use crate::template::Template;
use config::{Dictionary, Instances, List, ModuleSyntax, OptionalText, Snapshot, Stanza, StanzaSyntax, Text};
use data::{Cell, DataFault, Datasources, Parameters, Rows};
use mail::{Address, Phase};
use policy_api::{Answer, Ask, Finding, Host, Level, Make, Module, ModuleDef, Services, Verdict};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

config::options! {
    pub struct AliasOptions {
        /// Schemes of the modules alias that are asked for a recipient, in order: the first with an answer replaces it.
        /// An empty list in a domain switches a global one off.
        alias_schemes: List<Text> = "", in [domain, global, pathway, pathway_group], tier 2;
    }
}

config::options! {
    pub struct SchemeOptions {
        /// `SELECT address FROM aliases WHERE name = :name`.
        query: OptionalText = "", in [module];
        /// The data source that is asked.
        cache: OptionalText = "", in [module];
        /// Value of each placeholder; `%{localpart}`, `%{domain}` and `%{rcptto}` are filled in.
        map: Dictionary = "", in [module];
        /// Column of the addresses; the only one if unset.
        column: OptionalText = "", in [module];
    }
}

static SCHEME: [StanzaSyntax; 1] =
    [StanzaSyntax { keyword: "Scheme", named: true, options: &[SchemeOptions::DEFINITIONS], stanzas: &[] }];

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "alias",
        instances: Instances::Many,
        options: &[AliasOptions::DEFINITIONS],
        stanzas: &SCHEME,
    },
    &[Phase::RcpttoList],
    make,
);

const NAMES: [&str; 3] = ["localpart", "domain", "rcptto"];
/// Recipients that a message may have behind its aliases, and questions that it may cost.
const MOST_RECIPIENTS: usize = 10_000;
const MOST_QUESTIONS: usize = 20_000;

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let sources = Datasources::of(make.services);
    let (schemes, is_first) = Schemes::of(make.services);
    for named in stanza.stanzas("scheme") {
        schemes.0.borrow_mut().push(Rc::new(Scheme::new(named, &sources)?));
    }
    let configuration =
        make.services.find::<Arc<Snapshot>>(crate::CONFIGURATION).map(|found| (*found).clone());
    Ok(Rc::new(Alias { schemes, is_first, sources, configuration }))
}

/// Those of all instances, which the option `alias_schemes` names without saying whose they are.
#[derive(Clone, Default)]
struct Schemes(Rc<RefCell<Vec<Rc<Scheme>>>>);

impl Schemes {
    /// Whether this instance is the first, which answers for all.
    fn of(services: &Services) -> (Schemes, bool) {
        if let Some(known) = services.find::<Schemes>("alias") {
            return ((*known).clone(), false);
        }
        let made = Schemes::default();
        services.offer("alias", made.clone());
        (made, true)
    }

    fn named(&self, name: &str) -> Option<Rc<Scheme>> {
        self.0.borrow().iter().find(|scheme| *scheme.name == *name).cloned()
    }
}

struct Scheme {
    name: Box<str>,
    cache: Box<str>,
    query: Box<str>,
    map: Vec<(String, Template)>,
    column: Option<Box<str>>,
}

impl Scheme {
    fn new(stanza: Stanza<'_>, sources: &Datasources) -> Result<Scheme, Finding> {
        let options = SchemeOptions::resolve(&stanza);
        let wrong = |text: String| Finding::at(stanza, format!("alias scheme \"{}\": {text}", stanza.name()));
        let needed = |value: &Option<Arc<str>>, option: &str| {
            value.as_deref().map(Box::from).ok_or_else(|| wrong(format!("{option} is missing")))
        };
        let cache: Box<str> = needed(&options.cache, "cache")?;
        if sources.named(&cache).is_none() {
            return Err(wrong(DataFault::Unknown(cache).to_string()));
        }
        let map = options.map.iter().map(|(key, value)| Ok((key.to_owned(), Template::new(value, &NAMES)?)));
        Ok(Scheme {
            name: stanza.name().into(),
            query: needed(&options.query, "query")?,
            map: map.collect::<Result<_, String>>().map_err(|text| wrong(format!("map: {text}")))?,
            column: options.column.as_deref().map(Box::from),
            cache,
        })
    }

    fn parameters(&self, address: &Address) -> Parameters {
        let value = |name: &str| match name {
            "localpart" => Cow::Borrowed(address.local()),
            "domain" => Cow::Owned(address.folded_domain()),
            _ => Cow::Owned(plain(address)),
        };
        let filled = self.map.iter().map(|(key, template)| (key.clone(), Cell::from(template.fill(value))));
        Parameters::Named(filled.collect())
    }

    /// The column of the addresses.
    fn column(&self, rows: &Rows) -> Result<usize, String> {
        match (&self.column, rows.columns.len()) {
            (Some(name), _) => rows.column(name).ok_or_else(|| format!("the answer has no column '{name}'")),
            (None, 1) => Ok(0),
            (None, several) => Err(format!("the answer has {several} columns, say which with column")),
        }
    }
}

/// With the domain folded: under which an address is known.
fn plain(address: &Address) -> String {
    format!("{}@{}", address.local(), address.folded_domain())
}

struct Alias {
    schemes: Schemes,
    is_first: bool,
    sources: Datasources,
    configuration: Option<Arc<Snapshot>>,
}

impl Module for Alias {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let pathway = ask.contexts.connection.get("pathway").unwrap_or("").to_owned();
        let has = |address: &Address| !self.names_for(address, &pathway).is_empty();
        if !self.is_first || !ask.message.recipients.iter().any(has) {
            return Answer::Now(Verdict::Continue);
        }
        Answer::Later(Box::pin(async move {
            match self.expand(&ask.message.recipients, &pathway, host).await {
                Ok(recipients) => {
                    ask.message.recipients = recipients;
                    Verdict::Continue
                }
                Err(text) => {
                    host.report(Level::Error, &format!("alias: {text}"));
                    ask.disposition.set_code(451, "4.3.0 aliases cannot be looked up now, try again later");
                    Verdict::Done
                }
            }
        }))
    }
}

impl Alias {
    /// `alias_schemes` for a recipient: of the domain, else of the pathway, its group, else the global ones.
    fn names_for(&self, address: &Address, pathway: &str) -> Arc<[Arc<str>]> {
        let Some(snapshot) = &self.configuration else { return Arc::default() };
        let option = &AliasOptions::DEFINITIONS[0];
        let view = snapshot.outbound("default", "default", &address.folded_domain());
        let found = config::Lookup::find(&view, option);
        let of_domain = found.filter(|found| !found.declared.as_str().is_empty());
        let in_pathway = || {
            let named = |stanza: Stanza<'_>| {
                stanza
                    .stanzas("pathway")
                    .find(|child| child.name() == pathway)
                    .map(|child| child.value("alias_schemes").or(stanza.value("alias_schemes")).map(value))
            };
            let root = snapshot.root();
            let groups = root.stanzas("pathway_group").find_map(named);
            let alone = || root.stanzas("pathway").find(|child| child.name() == pathway);
            groups.flatten().or_else(|| alone()?.value("alias_schemes").map(value))
        };
        of_domain.map(value).or_else(in_pathway).or(found.map(value)).unwrap_or_default()
    }

    async fn expand(
        &self,
        recipients: &[Address],
        pathway: &str,
        host: &Rc<dyn Host>,
    ) -> Result<Vec<Address>, String> {
        let mut waiting: VecDeque<Address> = recipients.iter().cloned().collect();
        let (mut expanded, mut listed) = (HashSet::new(), HashSet::new());
        let (mut all, mut questions) = (Vec::new(), 0);
        while let Some(address) = waiting.pop_front() {
            let key = plain(&address);
            if expanded.contains(&key) || listed.contains(&key) {
                continue;
            }
            let names = self.names_for(&address, pathway);
            questions += names.len();
            if questions > MOST_QUESTIONS {
                return Err(format!(
                    "the recipients of one message cost more than {MOST_QUESTIONS} questions"
                ));
            }
            match self.look_up(&address, &names, host).await? {
                Some(found) => {
                    expanded.insert(key);
                    // What a recipient stands for comes where it stood.
                    found.into_iter().rev().for_each(|address| waiting.push_front(address));
                }
                None => {
                    listed.insert(key);
                    all.push(address);
                }
            }
            if all.len() + waiting.len() > MOST_RECIPIENTS {
                return Err(format!("one message would have more than {MOST_RECIPIENTS} recipients"));
            }
            host.breathe().await;
        }
        Ok(all)
    }

    /// The addresses of the first scheme that has some.
    async fn look_up(
        &self,
        address: &Address,
        names: &[Arc<str>],
        host: &Rc<dyn Host>,
    ) -> Result<Option<Vec<Address>>, String> {
        for name in names {
            let Some(scheme) = self.schemes.named(name) else { continue };
            let fault = |text: String| format!("{name}: {text}");
            let answer =
                self.sources.query(host, &scheme.cache, &scheme.query, scheme.parameters(address)).await;
            let rows = answer.map_err(|text| fault(text.to_string()))?;
            if rows.is_empty() {
                continue;
            }
            let column = scheme.column(&rows).map_err(fault)?;
            let mut found = Vec::new();
            for cell in rows.cells(column) {
                let text = cell.text().unwrap_or_default();
                match mailbox(text.trim()) {
                    Some(address) => found.push(address),
                    None => host.report(
                        Level::Error,
                        &format!("alias: {name}: '{}' for <{address}> is no address", text.escape_debug()),
                    ),
                }
            }
            if !found.is_empty() {
                host.counter("alias:expanded").add(1);
                return Ok(Some(found));
            }
        }
        Ok(None)
    }
}

fn value(found: config::Found<'_>) -> Arc<[Arc<str>]> {
    found.get::<List<Text>>().clone()
}

/// `local@domain` as a path may hold it (RFC 5321 §4.1.2), with or without brackets.
fn mailbox(text: &str) -> Option<Address> {
    let text = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
    let (local, domain) = text.rsplit_once('@')?;
    let is_quoted = local.len() > 1 && local.starts_with('"') && local.ends_with('"');
    let in_local =
        |c: char| !c.is_control() && (is_quoted || !(c.is_whitespace() || "<>\"(),:;[]@".contains(c)));
    let in_domain = |c: char| c.is_alphanumeric() || "-._[]:".contains(c);
    let is_right = (1..=64).contains(&local.len())
        && (1..=255).contains(&domain.len())
        && local.chars().all(in_local)
        && domain.chars().all(in_domain)
        && !domain.starts_with('.')
        && !domain.contains("..");
    is_right.then(|| Address::new(local, domain))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stage::{Database, made};
    use policy_api::testing::Conversation;

    const TABLE: &str = "create table aliases (name text, address text); insert into aliases values \
        ('team@x.example', 'ann@x.example'), ('team@x.example', 'bob@Y.example'), \
        ('all@x.example', 'team@x.example'), ('all@x.example', 'cid@y.example'), \
        ('loop@x.example', 'pool@x.example'), ('pool@x.example', 'loop@x.example'), ('pool@x.example', 'out@y.example'), \
        ('self@x.example', 'self@x.example'), ('self@x.example', 'copy@y.example'), \
        ('bad@x.example', 'no address'), ('some@x.example', '<ann@x.example>'), ('some@x.example', 'a b@c'), \
        ('off@off.example', 'ann@x.example'), ('a@z.example', 'path@y.example')";

    const SCHEMES: &str = "alias \"one\" { Scheme \"s\" { cache = \"db\" \
        query = \"select address from aliases where name = :name order by rowid\" map = [ name = \"%{rcptto}\" ] } }\n\
        alias \"two\" { Scheme \"catch\" { cache = \"db\" column = \"to\" \
        query = \"select 1, 'catch@y.example' as 'to' where :domain = 'z.example' and :local <> 'a'\" \
        map = [ domain = \"%{domain}\" local = \"%{localpart}\" ] } }\n\
        Alias_Schemes = ( \"s\" \"catch\" )\nDomain \"off.example\" { Alias_Schemes = ( ) }\n";

    fn expanded(module: &Rc<dyn Module>, recipients: &str) -> (String, Conversation) {
        let mut conversation = Conversation::default();
        let addresses = recipients.split(' ').map(Address::from_checked);
        conversation.message.recipients = addresses.collect();
        conversation.ask(&**module, Phase::RcpttoList);
        let list: Vec<&str> =
            conversation.message.recipients.iter().map(|address| address.as_str()).collect();
        (list.join(" "), conversation)
    }

    #[test]
    fn recipients_are_replaced_until_nobody_has_an_alias() {
        let database = Database::new("alias", TABLE);
        let module = made(&MODULE, &(database.stanza("db") + SCHEMES)).unwrap();
        for (recipients, expected) in [
            ("ann@x.example", "ann@x.example"),
            ("team@X.EXAMPLE", "ann@x.example bob@Y.example"),
            ("Team@x.example", "Team@x.example"),
            ("all@x.example z@y.example", "ann@x.example bob@Y.example cid@y.example z@y.example"),
            ("team@x.example bob@y.example", "ann@x.example bob@Y.example"),
            ("loop@x.example", "out@y.example"),
            ("self@x.example", "copy@y.example"),
            ("bad@x.example", "bad@x.example"),
            ("some@x.example", "ann@x.example"),
            ("off@off.example", "off@off.example"),
            ("a@z.example b@z.example", "path@y.example catch@y.example"),
        ] {
            let (list, conversation) = expanded(&module, recipients);
            assert_eq!((list.as_str(), conversation.code()), (expected, None), "{recipients}");
        }
        let (_, conversation) = expanded(&module, "bad@x.example");
        assert_eq!(
            conversation.host.reported(),
            ["alias: s: 'no address' for <bad@x.example> is no address"]
        );
    }

    #[test]
    fn a_source_that_fails_or_a_list_without_end_is_a_temporary_refusal() {
        let database = Database::new("alias-fault", TABLE);
        let module = made(&MODULE, &(database.stanza("db") + SCHEMES)).unwrap();
        database.run("drop table aliases");
        let (list, conversation) = expanded(&module, "team@x.example");
        assert_eq!((list.as_str(), conversation.code()), ("team@x.example", Some(451)));
        assert!(conversation.host.reported()[0].contains("no such table"));
        let endless = "alias \"e\" { Scheme \"e\" { cache = \"db\" query = \"select :local || 'x@x.example' union \
            select :local || 'y@x.example'\" map = [ local = \"%{localpart}\" ] } }\nAlias_Schemes = ( \"e\" )\n";
        let module = made(&MODULE, &(database.stanza("db") + endless)).unwrap();
        let (list, conversation) = expanded(&module, "a@x.example");
        assert_eq!((list.as_str(), conversation.code()), ("a@x.example", Some(451)), "the list is as it was");
    }

    #[test]
    fn a_scheme_that_cannot_work_is_refused() {
        let database = Database::new("alias-wrong", TABLE);
        for (inside, expected) in [
            ("query = \"q\"", "cache is missing"),
            ("cache = \"none\" query = \"q\"", "there is no Datasource \"none\" with a uri"),
            ("cache = \"db\"", "query is missing"),
            ("cache = \"db\" query = \"q\" map = [ a = \"%{user}\" ]", "map: %{user} is not known here"),
        ] {
            let text = format!("{}alias \"a\" {{ Scheme \"s\" {{ {inside} }} }}", database.stanza("db"));
            let finding = made(&MODULE, &text).err().expect(inside);
            assert!(
                finding.text.starts_with("alias scheme \"s\": ") && finding.text.contains(expected),
                "{finding}"
            );
        }
    }

    #[test]
    fn only_mailboxes_are_addresses() {
        for (text, expected) in [
            ("a@b.example", true),
            ("<a+b@b.example>", true),
            ("\"a b\"@b.example", true),
            ("a@[192.0.2.1]", true),
            ("a", false),
            ("@b.example", false),
            ("a@", false),
            ("a b@c", false),
            ("a,b@c", false),
            ("a@b@c", false),
            ("a@b c", false),
            ("a@b\r\nRCPT", false),
            ("a@b..c", false),
        ] {
            assert_eq!(mailbox(text).is_some(), expected, "{text}");
        }
    }
}
