//! maildir: copies for recipients of its domains go into maildirs of this host instead of into the spool (spec
//! module-details.md); Sieve's ec_maildir delivers by it.
//!
//! The law: a message is in a mailbox when its file and the name of its file are on stable storage; only then is its
//! sender told so. No text of a stranger leaves the folder of the mailboxes.

use config::{Bool, Instances, List, ModuleSyntax, OptionalText, Perms, Stanza, Text};
use mail::{Address, Phase};
use policy_api::{
    Answer, Ask, Delivery, Finding, Host, IN_MAILBOX, Later, MailboxFault, Mailboxes, Make, Module,
    ModuleDef, NO_MAILBOX, Pool, Verdict, aside,
};
use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

config::options! {
    pub struct MaildirOptions {
        /// Folder of the maildirs.
        basedir: OptionalText = "", in [module];
        /// Mode of folders that are made.
        dirmode: Perms = "775", in [module];
        /// Mode of files.
        filemode: Perms = "664", in [module];
        /// Domains whose mail goes into maildirs.
        domain: List<Text> = "", in [module];
        /// More of them.
        domains: List<Text> = "", in [module];
        /// True: the mail of all domains does.
        all_domains: Bool = "false", in [module];
        /// True: the maildir of a user is in a folder of the domain.
        domain_in_path: Bool = "false", in [module];
        /// True: missing maildirs are made; else their mail is refused.
        create_users: Bool = "false", in [module];
        /// As create_users.
        createusers: Bool = "false", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "maildir",
        instances: Instances::Any,
        options: &[MaildirOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[Phase::DataSpoolEachRcpt],
    make,
);

const DELIVERED: &str = "maildir:delivered";

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = MaildirOptions::resolve(&stanza);
    let Some(base) = options.basedir.as_deref().filter(|base| base.starts_with('/')) else {
        return Err(Finding::at(stanza, "maildir needs its basedir, an absolute path".to_owned()));
    };
    let domains = options.domain.iter().chain(options.domains.iter());
    let maildirs = Maildirs(Rc::new(Place {
        base: base.into(),
        hostname: make.hostname.replace(['/', ':'], "_"),
        dirmode: options.dirmode,
        filemode: options.filemode,
        domain_in_path: options.domain_in_path,
        creates: options.create_users || options.createusers,
    }));
    make.services.offer::<Rc<dyn Mailboxes>>("maildir", Rc::new(maildirs.clone()));
    Ok(Rc::new(Maildir {
        maildirs,
        domains: domains.map(|domain| Address::new("", domain).folded_domain()).collect(),
        all_domains: options.all_domains,
    }))
}

struct Maildir {
    maildirs: Maildirs,
    domains: Vec<String>,
    all_domains: bool,
}

impl Module for Maildir {
    fn judge<'a>(&'a self, ask: &'a mut Ask<'_>, host: &'a Rc<dyn Host>) -> Answer<'a> {
        let here =
            |recipient: &&Address| self.all_domains || self.domains.contains(&recipient.folded_domain());
        let Some(recipient) = ask.message.recipient.as_ref().filter(here).cloned() else {
            return Answer::Now(Verdict::Continue);
        };
        let delivery = Delivery {
            id: ask.message.id,
            sender: ask.message.sender.clone(),
            recipient,
            content: ask.message.content.octets(),
        };
        Answer::Later(Box::pin(async move {
            match self.maildirs.deliver(delivery, host).await {
                Ok(()) => ask.disposition.discard(Some(IN_MAILBOX)),
                Err(MailboxFault::Unknown) => ask.disposition.reply = Some(NO_MAILBOX),
                Err(MailboxFault::Unwritten(why)) => {
                    return Verdict::Failed(format!("maildir: {why}").into());
                }
            }
            Verdict::Done
        }))
    }
}

#[derive(Clone)]
struct Maildirs(Rc<Place>);

/// Where maildirs are, and how they are made.
#[derive(Clone)]
struct Place {
    base: PathBuf,
    hostname: String,
    dirmode: u32,
    filemode: u32,
    domain_in_path: bool,
    creates: bool,
}

impl Mailboxes for Maildirs {
    fn deliver(&self, delivery: Delivery, host: &Rc<dyn Host>) -> Later<Result<(), MailboxFault>> {
        let (place, host) = ((*self.0).clone(), host.clone());
        let (now, chance) = (host.now(), host.chance());
        // Unique however many processes deliver: <https://cr.yp.to/proto/maildir.html>.
        let id = delivery.id.to_string().replace('/', "-");
        let name =
            format!("{}.M{}R{chance:016x}I{id}.{}", now.secs(), now.micros() % 1_000_000, place.hostname);
        // A rehearsal delivers nothing.
        if host.is_watched() {
            host.did("maildir", &format!("would deliver to {}", delivery.recipient));
            return Box::pin(std::future::ready(Ok(())));
        }
        let written = aside(&*host, Pool::Io, move || place.deliver(&delivery, &name));
        Box::pin(async move {
            let done = written.await.map_err(|fault| MailboxFault::Unwritten(fault.to_string()));
            done?.inspect(|()| host.counter(DELIVERED).add(1))
        })
    }
}

impl Place {
    /// On a side thread. The file appears in `new` when it is whole.
    fn deliver(&self, delivery: &Delivery, name: &str) -> Result<(), MailboxFault> {
        let folder = self.folder(&delivery.recipient).ok_or(MailboxFault::Unknown)?;
        let unwritten =
            |at: &Path, error: io::Error| MailboxFault::Unwritten(format!("{}: {error}", at.display()));
        let (draft, new) = (folder.join("tmp").join(name), folder.join("new"));
        match new.is_dir() {
            true => {}
            false if self.creates => self.create(&folder).map_err(|error| unwritten(&folder, error))?,
            false => return Err(MailboxFault::Unknown),
        }
        let whole = self.write(&draft, delivery).and_then(|()| {
            std::fs::rename(&draft, new.join(name))?;
            File::open(&new)?.sync_all()
        });
        whole.map_err(|error| {
            let _ = std::fs::remove_file(&draft);
            unwritten(&draft, error)
        })
    }

    /// None: the address is no name of a folder.
    fn folder(&self, recipient: &Address) -> Option<PathBuf> {
        let is_name = |part: &str| {
            !part.is_empty()
                && part.len() < 200
                && !part.starts_with('.')
                && !part.bytes().any(|octet| octet == b'/' || octet.is_ascii_control())
        };
        let (user, domain) = (recipient.local(), recipient.folded_domain());
        let fits = is_name(user) && (!self.domain_in_path || is_name(&domain));
        fits.then(|| match self.domain_in_path {
            true => self.base.join(domain).join(user),
            false => self.base.join(user),
        })
    }

    fn create(&self, folder: &Path) -> io::Result<()> {
        for inner in ["tmp", "new", "cur"] {
            DirBuilder::new().recursive(true).mode(self.dirmode).create(folder.join(inner))?;
        }
        // The process's mask has taken bits away.
        let own = folder.strip_prefix(&self.base).unwrap_or(Path::new("")).ancestors();
        let made = own.filter(|part| !part.as_os_str().is_empty()).map(|part| self.base.join(part));
        let inner = ["tmp", "new", "cur"].map(|inner| folder.join(inner));
        for path in made.chain(inner) {
            std::fs::set_permissions(&path, Permissions::from_mode(self.dirmode))?;
            File::open(path.parent().unwrap_or(&self.base))?.sync_all()?;
        }
        Ok(())
    }

    /// With the field of the last hop (RFC 5321 §4.4); lines end as this host's do.
    fn write(&self, path: &Path, delivery: &Delivery) -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(self.filemode).open(path)?;
        file.set_permissions(Permissions::from_mode(self.filemode))?;
        let sender = delivery.sender.as_ref().map_or("", Address::as_str);
        let mut text =
            format!("Return-Path: <{sender}>\nDelivered-To: {}\n", delivery.recipient).into_bytes();
        text.reserve(delivery.content.len());
        for line in delivery.content.split_inclusive(|octet| *octet == b'\n') {
            match line.strip_suffix(b"\r\n") {
                Some(line) => {
                    text.extend_from_slice(line);
                    text.push(b'\n');
                }
                None => text.extend_from_slice(line),
            }
        }
        file.write_all(&text)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::tests::loaded;
    use bytes::Bytes;
    use content::Content;
    use policy_api::testing::Conversation;
    use policy_api::{Level, Services, Sources};
    use std::sync::Arc;

    fn made(options: &str) -> Result<Rc<dyn Module>, Finding> {
        let snapshot = loaded(&format!("maildir \"m\" {{ {options} }}"));
        let make = Make {
            sources: &Arc::new(Sources::default()),
            services: &Rc::new(Services::default()),
            hostname: "mx.example",
            debug_level: Level::Error,
            shard: 0,
            shards: 1,
        };
        (MODULE.make)(snapshot.module("maildir", "m").expect("the stanza"), &make)
    }

    fn base(name: &str) -> PathBuf {
        let base = std::env::temp_dir().join(format!("impetus-maildir-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&base);
        std::fs::create_dir(&base).expect("a folder");
        base
    }

    fn conversation(to: &str) -> Conversation {
        let mut conversation = Conversation::default();
        conversation.message.sender = Some(Address::new("ann", "from.example"));
        conversation.message.recipient = Some(Address::from_checked(to));
        conversation.message.content = Content::new(Bytes::from_static(b"Subject: hi\r\n\r\nLine\r\n"));
        conversation
    }

    fn files(folder: &Path) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()));
        entries.map(|entries| entries.collect()).unwrap_or_default()
    }

    #[test]
    fn a_message_for_its_domains_is_in_a_maildir_and_nowhere_else() {
        let base = base("deliver");
        let options = format!(
            "basedir = \"{}\" domain = (\"Here.example\") domain_in_path = true create_users = true filemode = 640",
            base.display()
        );
        let module = made(&options).unwrap();
        let mut there = conversation("bob@there.example");
        assert_eq!(there.ask(&*module, Phase::DataSpoolEachRcpt), Verdict::Continue);
        assert_eq!(there.disposition.discard, None);
        let mut here = conversation("bob@HERE.example");
        for count in 1..3 {
            here.message.id.counter = count;
            assert_eq!(here.ask(&*module, Phase::DataSpoolEachRcpt), Verdict::Done);
            assert_eq!(here.disposition.discard, Some(IN_MAILBOX));
            let found = files(&base.join("here.example/bob/new"));
            assert_eq!(found.len(), usize::from(count));
            assert_eq!(
                std::fs::read_to_string(&found[0]).unwrap(),
                "Return-Path: <ann@from.example>\nDelivered-To: bob@HERE.example\nSubject: hi\n\nLine\n"
            );
            assert_eq!(std::fs::metadata(&found[0]).unwrap().permissions().mode() & 0o777, 0o640);
        }
        assert!(files(&base.join("here.example/bob/tmp")).is_empty());
        assert_eq!(std::fs::metadata(base.join("here.example")).unwrap().permissions().mode() & 0o777, 0o775);
        assert_eq!(here.host.counters.borrow()[DELIVERED].get(), 2);
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn without_a_mailbox_it_is_refused_and_no_address_leaves_the_folder() {
        let base = base("refuse");
        let known = made(&format!("basedir = \"{}\" all_domains = true", base.display())).unwrap();
        let creates =
            made(&format!("basedir = \"{}\" all_domains = true createusers = true", base.display())).unwrap();
        for (module, to) in [
            (&known, "bob@here.example"),
            (&creates, "..@here.example"),
            (&creates, "a/b@here.example"),
            (&creates, ".ssh@here.example"),
        ] {
            let mut conversation = conversation(to);
            assert_eq!(conversation.ask(&**module, Phase::DataSpoolEachRcpt), Verdict::Done, "{to}");
            assert_eq!(conversation.code(), Some(550), "{to}");
        }
        assert!(files(&base).is_empty());
        std::fs::remove_dir_all(base).unwrap();
    }

    #[test]
    fn a_disk_that_does_not_take_it_is_a_failure_for_now() {
        let base = base("full");
        std::fs::write(base.join("bob"), "no folder").unwrap();
        let module =
            made(&format!("basedir = \"{}\" all_domains = true create_users = true", base.display()));
        let mut conversation = conversation("bob@here.example");
        let verdict = conversation.ask(&*module.unwrap(), Phase::DataSpoolEachRcpt);
        assert!(matches!(&verdict, Verdict::Failed(why) if why.contains("/bob: ")), "{verdict:?}");
        assert_eq!(conversation.disposition.discard, None);
        std::fs::remove_dir_all(base).unwrap();
        for options in ["", "basedir = \"relative\""] {
            let finding = made(options).err().expect("no folder");
            assert!(finding.text.contains("basedir"), "{finding}");
        }
    }
}
