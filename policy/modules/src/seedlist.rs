//! seedlist: the first message of each campaign is copied to a list of addresses that somebody watches (spec
//! module-details.md).
//!
//! Which campaigns were seen is kept in a data source if there is one of that name; else in memory, so that a restart
//! forgets them. Two first messages at the same moment may both be copied then, never neither.

use config::{Instances, List, ModuleSyntax, OptionalText, Pattern, Regex, Stanza, StanzaSyntax, Text};
use content::{Content, Place};
use data::{Datasources, Parameters};
use mail::{Address, Contexts, Phase};
use policy_api::{
    Answer, Ask, Finding, Host, Level, Make, Module, ModuleDef, NewMessage, Services, Tally, Verdict,
};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct SeedlistOptions {
        /// File of the addresses, one on a line.
        seedlist_file: OptionalText = "", in [module];
        /// Data source of the campaigns seen; without one of that name they are kept in memory.
        cache_name: Text = "ecdb", in [module];
        /// How the name of the table begins there.
        schema_name: Text = "seedlist", in [module];
        /// Header field of copies that names the campaign.
        insert_campaign_header: OptionalText = "", in [module];
        /// Sender of copies; that of the message if unset.
        mail_from: OptionalText = "", in [module];
        /// Patterns of senders, with (?P<campaignid>…).
        match_verp: List<Regex> = "", in [module];
        /// Message variable that exempts a message.
        no_seed_condition: OptionalText = "", in [module];
    }
}

config::options! {
    pub struct HeaderOptions {
        /// Patterns of the field, with (?P<campaignid>…).
        pattern: List<Regex> = "", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef {
    files: Some(|stanza| file_of(&SeedlistOptions::resolve(&stanza)).into_iter().collect()),
    ..ModuleDef::new(
        ModuleSyntax {
            name: "seedlist",
            instances: Instances::Any,
            options: &[SeedlistOptions::DEFINITIONS],
            stanzas: &[StanzaSyntax {
                keyword: "match_header",
                named: true,
                options: &[HeaderOptions::DEFINITIONS],
                stanzas: &[],
            }],
        },
        &[Phase::DataSpool],
        make,
    )
};

const GROUP: &str = "campaignid";
const MOST_SEEDS: usize = 1000;
/// Octets of a campaign's name.
const LONGEST_NAME: usize = 200;

fn file_of(options: &SeedlistOptions) -> Option<PathBuf> {
    options.seedlist_file.as_deref().map(PathBuf::from)
}

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = SeedlistOptions::resolve(&stanza);
    let complaint = |text: String| Finding::at(stanza, text);
    let file = file_of(&options).ok_or_else(|| complaint("seedlist_file: the file is missing".to_owned()))?;
    let text = make.sources.get(&file);
    let text = text.map_err(|error| complaint(format!("seedlist_file: {}: {error}", file.display())))?;
    let seeds = seeds(&String::from_utf8_lossy(text))
        .map_err(|problem| complaint(format!("seedlist_file: {}: {problem}", file.display())))?;
    let is_word = |name: &str| name.bytes().all(|octet| octet.is_ascii_alphanumeric() || octet == b'_');
    if options.schema_name.is_empty() || !is_word(&options.schema_name) {
        return Err(complaint("schema_name: expected letters, digits and underscores".to_owned()));
    }
    if let Some(name) = &options.insert_campaign_header
        && Content::default().put_field(Place::First, name, "x").is_err()
    {
        return Err(complaint(format!("insert_campaign_header: '{name}' is no name of a field")));
    }
    let header = |child: Stanza<'_>| (Box::from(child.name()), HeaderOptions::resolve(&child).pattern);
    let headers: Headers = stanza.stanzas("match_header").map(header).collect();
    let mut patterns =
        options.match_verp.iter().chain(headers.iter().flat_map(|(_, patterns)| patterns.iter()));
    if let Some(pattern) = patterns.find(|pattern| !pattern.as_str().contains("?P<campaignid>")) {
        return Err(complaint(format!("{pattern:?}: expected a group (?P<campaignid>…) in it")));
    }
    Ok(Rc::new(Seedlist { options, headers, seeds, services: make.services.clone() }))
}

type Headers = Vec<(Box<str>, std::sync::Arc<[Pattern]>)>;

fn seeds(text: &str) -> Result<Vec<Address>, String> {
    let mut seeds = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.rsplit_once('@') {
            Some((local, domain))
                if !local.is_empty() && !domain.is_empty() && !line.contains([' ', '<', '>']) =>
            {
                seeds.push(Address::new(local, domain));
            }
            _ => return Err(format!("line {}: '{line}' is no address", number + 1)),
        }
    }
    match seeds.len() {
        ..=MOST_SEEDS => Ok(seeds),
        count => Err(format!("{count} addresses, expected at most {MOST_SEEDS}")),
    }
}

struct Seedlist {
    options: SeedlistOptions,
    headers: Headers,
    seeds: Vec<Address>,
    services: Rc<Services>,
}

impl Module for Seedlist {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let is_exempt = self
            .options
            .no_seed_condition
            .as_deref()
            .is_some_and(|key| ask.contexts.message.get(key).is_some());
        if is_exempt || self.seeds.is_empty() {
            return Answer::Now(Verdict::Continue);
        }
        let Some(campaign) = self.campaign(ask) else { return Answer::Now(Verdict::Continue) };
        Answer::Later(Box::pin(async move {
            match self.is_first(&campaign, ask, host).await {
                Ok(true) => self.copy(&campaign, ask),
                Ok(false) => {}
                Err(problem) => {
                    host.report(
                        Level::Error,
                        &format!("seedlist: campaign {campaign}: {problem}; not copied"),
                    );
                }
            }
            Verdict::Continue
        }))
    }
}

impl Seedlist {
    /// The first pattern that matches names it.
    fn campaign(&self, ask: &Ask<'_>) -> Option<String> {
        let sender = ask.message.sender.as_ref().map_or("", |sender| sender.as_str());
        let of = |patterns: &[Pattern], text: &str| {
            let found = patterns.iter().find_map(|pattern| pattern.named_group(GROUP, text.as_bytes()))?;
            let name = String::from_utf8_lossy(&found[..found.len().min(LONGEST_NAME)]);
            let name: String = name.chars().filter(|c| !c.is_control()).collect();
            (!name.is_empty()).then_some(name)
        };
        of(&self.options.match_verp, sender).or_else(|| {
            self.headers.iter().find_map(|(name, patterns)| {
                let fields = ask.message.content.header();
                fields.named(name).find_map(|field| of(patterns, &field.text()))
            })
        })
    }

    async fn is_first(&self, campaign: &str, ask: &Ask<'_>, host: &Rc<dyn Host>) -> Result<bool, String> {
        let sources = Datasources::of(&self.services);
        let Some(source) = sources.named(&self.options.cache_name) else {
            let seen = Tally { name: "seedlist campaigns".into(), slot: Duration::ZERO, slots: 1 };
            let is_first = host.count(&seen, campaign, 1).await == 0;
            host.add(&seen, campaign, i64::from(is_first));
            return Ok(is_first);
        };
        // Who has put his own mark into the row came first, whatever the others do at the same time.
        let table = format!("{}_campaigns", self.options.schema_name);
        let mark = ask.message.batch.to_string();
        let named =
            || Parameters::named([("campaign", campaign.to_owned().into()), ("mark", mark.clone().into())]);
        for statement in [
            format!("CREATE TABLE IF NOT EXISTS {table} (campaign TEXT PRIMARY KEY, mark TEXT NOT NULL)"),
            format!("INSERT OR IGNORE INTO {table} (campaign, mark) VALUES (:campaign, :mark)"),
        ] {
            source.execute(host, &statement, named()).await.map_err(|fault| fault.to_string())?;
        }
        let asked = format!("SELECT mark FROM {table} WHERE campaign = :campaign AND mark = :mark");
        let rows = source.query(host, &asked, named(), true).await.map_err(|fault| fault.to_string())?;
        Ok(!rows.is_empty())
    }

    /// Admitted together with the message, or not at all.
    fn copy(&self, campaign: &str, ask: &mut Ask<'_>) {
        let message = &mut *ask.message;
        let mut content = message.content.clone();
        if let Some(name) = &self.options.insert_campaign_header {
            // The name has been checked; a value that cannot be written leaves the copy as it is.
            let _ = content.put_field(Place::First, name, campaign);
        }
        let mut contexts = Contexts::default();
        let original = message.sender.as_ref().map_or("", |sender| sender.as_str());
        contexts.message.set("#seedlist-orig-from", original);
        let sender = match &self.options.mail_from {
            Some(sender) => Some(Address::from_checked(sender)),
            None => message.sender.clone(),
        };
        let recipients = self.seeds.clone();
        message.outgoing.push(NewMessage {
            sender,
            recipients,
            content: content.octets(),
            contexts,
            ..NewMessage::default()
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use config::{MemoryLoader, Registry};
    use data::DatasourceOptions;
    use policy_api::Sources;
    use policy_api::testing::Conversation;
    use std::sync::Arc;

    const LIST: &str = "# watched\nann@seed.example\n\nbob@seed.example\n";

    fn made(text: &str, list: &str, services: &Rc<Services>) -> Result<Rc<dyn Module>, Finding> {
        let syntaxes: Vec<_> = crate::MODULES.iter().map(|module| module.syntax).collect();
        let loader = MemoryLoader::default().with("/c.conf", text);
        let (snapshot, _) = config::load("/c.conf", &loader, &Registry::new(&[], &syntaxes), &[]).unwrap();
        let mut sources = Sources::default();
        sources.insert("/l/seeds", list.as_bytes().to_vec());
        let make = Make {
            sources: &Arc::new(sources),
            services,
            hostname: "mx.example.org",
            debug_level: Level::Error,
            shard: 0,
            shards: 1,
        };
        (MODULE.make)(snapshot.modules().next().unwrap(), &make)
    }

    const STANZA: &str = "seedlist { seedlist_file = /l/seeds\nmatch_verp = ( \"^b-(?P<campaignid>[0-9]+)-\" )\n\
        match_header \"X-Campaign\" { pattern = ( \"id=(?P<campaignid>\\\\w+)\" ) }\nno_seed_condition = quiet\nMORE }";

    /// Campaigns that were copied, of messages with this sender and this field.
    fn copied(services: &Rc<Services>, more: &str, messages: &[(&str, &str)]) -> Vec<NewMessage> {
        let module = made(&STANZA.replace("MORE", more), LIST, services).unwrap();
        let mut conversation = Conversation::default();
        for (number, (sender, campaign)) in messages.iter().enumerate() {
            conversation.message.batch.counter = number as u16;
            conversation.message.sender = Some(Address::from_checked(sender));
            let text = format!("From: x@y.example\r\nX-Campaign: {campaign}\r\n\r\nHi.\r\n");
            conversation.message.content.replace(Bytes::from(text));
            conversation.ask(&*module, Phase::DataSpool);
        }
        assert_eq!(conversation.host.reported(), Vec::<String>::new());
        std::mem::take(&mut conversation.message.outgoing)
    }

    #[test]
    fn the_first_message_of_a_campaign_goes_to_every_seed() {
        let sources = || {
            let services: Rc<Services> = Rc::default();
            let options = DatasourceOptions {
                uri: [Arc::from("sqlite::memory:")].into(),
                ..DatasourceOptions::defaults().clone()
            };
            Datasources::with([("ecdb".to_owned(), options)]).offer(&services);
            services
        };
        for services in [Rc::default(), sources()] {
            let messages = [
                ("b-17-ann@news.example", "none"),
                ("b-17-bob@news.example", "none"),
                ("x@news.example", "id=18 more"),
                ("x@news.example", "nothing"),
                ("b-18-ann@news.example", "id=19"),
                ("b-20-ann@news.example", ""),
            ];
            let more = "insert_campaign_header = X-Seed\nmail_from = seeds@here.example";
            let copies = copied(&services, more, &messages);
            let names = copies.iter().map(|copy| {
                let content = Content::new(copy.content.clone());
                content.field("X-Seed").map(|field| field.text()).unwrap_or_default()
            });
            assert_eq!(names.collect::<Vec<_>>(), ["17", "18", "20"]);
            for copy in &copies {
                let recipients: Vec<_> = copy.recipients.iter().map(Address::as_str).collect();
                assert_eq!(recipients, ["ann@seed.example", "bob@seed.example"]);
                assert_eq!(copy.sender.as_ref().map(Address::as_str), Some("seeds@here.example"));
            }
            let original = copies[0].contexts.message.get("#seedlist-orig-from");
            assert_eq!(original, Some("b-17-ann@news.example"));
        }
        let copies = copied(&Rc::default(), "", &[("b-1-a@x.example", "")]);
        assert_eq!(copies[0].sender.as_ref().map(Address::as_str), Some("b-1-a@x.example"));
    }

    #[test]
    fn a_variable_exempts_a_message() {
        let module = made(&STANZA.replace("MORE", ""), LIST, &Rc::default()).unwrap();
        let mut conversation = Conversation::default();
        conversation.message.sender = Some(Address::new("b-1-a", "x.example"));
        conversation.contexts.message.set("quiet", "yes");
        conversation.ask(&*module, Phase::DataSpool);
        assert!(conversation.message.outgoing.is_empty());
    }

    #[test]
    fn a_stanza_that_cannot_work_is_refused() {
        for (stanza, list, expected) in [
            ("seedlist { }", LIST, "the file is missing"),
            ("seedlist { seedlist_file = /l/none }", LIST, "no such file"),
            (
                "seedlist { seedlist_file = /l/seeds }",
                "ann@x.example\nnobody\n",
                "line 2: 'nobody' is no address",
            ),
            ("seedlist { seedlist_file = /l/seeds\nmatch_verp = ( \"^x\" ) }", LIST, "(?P<campaignid>"),
            ("seedlist { seedlist_file = /l/seeds\nschema_name = \"a;b\" }", LIST, "schema_name"),
            (
                "seedlist { seedlist_file = /l/seeds\ninsert_campaign_header = \"a b\" }",
                LIST,
                "no name of a field",
            ),
        ] {
            let Err(finding) = made(stanza, list, &Rc::default()) else { panic!("{stanza} is refused") };
            assert!(finding.to_string().contains(expected), "{finding}");
        }
    }
}
