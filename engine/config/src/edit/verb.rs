//! The commands `config …` of the console, as far as they decide: what to say, and what is to be put in force.

use super::{Change, Transaction};
use crate::show::{Located, Pair};
use crate::{Edition, Loader, Registry, Snapshot};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Begin,
    BeginFromScratch,
    Set,
    Unset,
    Get,
    Eval,
    Show,
    ShowRecurse,
    Locate,
    Replay,
    Commit,
    Rollback,
    Reload,
    Writeback,
    /// `write config`
    Write,
}

/// What the operator is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    Nothing,
    Pair(Pair),
    /// `config eval` indents its answer.
    Effective(Pair),
    /// The option, and what applies now.
    Unset(String, Option<Pair>),
    Text(String),
    Located(Vec<Located>),
}

/// What is to be done.
#[derive(Debug)]
pub enum Deed {
    Say(Said),
    /// To be in force everywhere, or nowhere; then it is said.
    Enforce(Box<Edition>, Said),
    /// The files are to be read anew, or another file in the master's place.
    Reload(Option<String>),
    /// Live changes are to be saved, in their own files or in one other.
    Writeback(Option<String>),
    /// This text is to be written into that file.
    Write {
        file: String,
        text: String,
    },
}

/// Who asks: what is running, and the session's transaction.
pub struct Desk<'a> {
    pub running: &'a Edition,
    pub transaction: &'a mut Option<Transaction>,
    pub loader: &'a dyn Loader,
    pub registry: &'a Registry,
}

impl std::fmt::Debug for Edition {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.snapshot.fmt(f)
    }
}

impl Desk<'_> {
    /// `text` is what follows the command. An error is the whole answer, and nothing was changed.
    pub fn carry_out(&mut self, verb: Verb, text: &str) -> Result<Deed, String> {
        let text = text.trim();
        let file = Some(text.trim_matches('"').to_owned()).filter(|file| !file.is_empty());
        match verb {
            Verb::Begin | Verb::BeginFromScratch => self.begin(verb),
            Verb::Set => self.change(Change::set(text, self.registry)?),
            Verb::Unset => self.change(Change::unset(text, self.registry)?),
            Verb::Get => Ok(Deed::Say(Said::Pair(self.seen().get(text, self.registry)?))),
            Verb::Eval => Ok(Deed::Say(Said::Effective(self.seen().eval(text, self.registry)?))),
            Verb::Show | Verb::ShowRecurse => {
                let recurse = verb == Verb::ShowRecurse;
                Ok(Deed::Say(Said::Text(self.seen().show(text, self.registry, recurse)?)))
            }
            Verb::Locate => Ok(Deed::Say(Said::Located(self.seen().locate(text)?))),
            Verb::Replay => Ok(Deed::Say(Said::Text(self.open()?.replay()))),
            Verb::Commit => self.commit(),
            Verb::Rollback => {
                self.open()?;
                *self.transaction = None;
                Ok(Deed::Say(Said::Nothing))
            }
            Verb::Reload if self.transaction.is_some() => {
                Err("a transaction is open: config commit or config rollback first".into())
            }
            Verb::Reload => Ok(Deed::Reload(file)),
            Verb::Writeback => Ok(Deed::Writeback(file)),
            Verb::Write => {
                let text = self.running.snapshot().show("", self.registry, true)?;
                Ok(match file {
                    Some(file) => Deed::Write { file, text: text + "\n" },
                    None => Deed::Say(Said::Text(text)),
                })
            }
        }
    }

    /// The configuration as this session sees it.
    fn seen(&self) -> &Snapshot {
        match &*self.transaction {
            Some(transaction) => transaction.edition().snapshot(),
            None => self.running.snapshot(),
        }
    }

    fn open(&self) -> Result<&Transaction, String> {
        self.transaction.as_ref().ok_or_else(|| "no transaction is open: config begin opens one".into())
    }

    fn begin(&mut self, verb: Verb) -> Result<Deed, String> {
        if self.transaction.is_some() {
            return Err("a transaction is open already: config commit or config rollback first".into());
        }
        *self.transaction = Some(match verb {
            Verb::Begin => Transaction::begin(self.running),
            _ => Transaction::from_scratch(self.running, self.loader, self.registry)
                .map_err(|faults| faults.join("\n"))?,
        });
        Ok(Deed::Say(Said::Nothing))
    }

    fn change(&mut self, change: Change) -> Result<Deed, String> {
        let joined = |faults: Vec<String>| faults.join("\n");
        let edition = match &mut *self.transaction {
            Some(transaction) => {
                transaction.change(change.clone(), self.loader, self.registry).map_err(joined)?;
                None
            }
            None => Some(self.running.changed(&change, self.loader, self.registry).map_err(joined)?.0),
        };
        let seen = edition.as_ref().map_or_else(|| self.seen(), |edition| edition.snapshot());
        let said = match (change.value(), change.option()) {
            (Some(pair), _) => Said::Pair(pair),
            (None, Some(option)) => {
                let now = seen.eval(&option, self.registry)?;
                Said::Unset(now.0.clone(), Some(now))
            }
            (None, None) => Said::Unset(change.scope(), None),
        };
        Ok(match edition {
            Some(edition) => Deed::Enforce(Box::new(edition), said),
            None => Deed::Say(said),
        })
    }

    /// The transaction is over when it is in force: until then it is its owner's to mend, or to drop.
    fn commit(&mut self) -> Result<Deed, String> {
        let transaction = self.open()?;
        let edition = transaction.committed(self.running)?;
        if transaction.is_empty() {
            *self.transaction = None;
            return Ok(Deed::Say(Said::Nothing));
        }
        Ok(Deed::Enforce(Box::new(edition), Said::Nothing))
    }
}
