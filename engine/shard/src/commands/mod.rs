//! The commands of the console: one file each, and a row here.
//!
//! A command for everyone is map and reduce: `ask` runs on every shard, `merge` makes one answer of the parts,
//! in the order of the shards. A command for here runs on the shard that the console talks to, and may use the
//! session. All are async; the laws: no borrow lives across an await, whoever walks over many things breathes
//! between them, and what is sent is rows that are made when they are shown (`Document::rows`).

mod authz_id;
mod authz_roles_list;
mod bounce_logger_reopen_logs;
mod complete;
mod config;
mod count;
mod counter_add;
mod counter_increment;
mod counter_list;
mod counter_reset;
mod counter_unlink;
mod counters;
mod dig;
mod dns_cache_lookup;
mod dns_cache_stats;
mod dns_cache_submit;
mod ec_logger_reopen_logs;
mod help;
mod memory;
mod module;
mod module_list;
mod paniclog;
mod pid;
pub mod queues;
mod quit;
mod refresh;
mod reopen_logs;
mod show_inbound;
mod show_outbound;
mod shutdown;
mod summary;
mod summary_reset;
mod sysinfo;
mod threads_cpu_queue;
mod threads_io_queue;
mod threads_stats;
mod trace_smtp_add;
mod trace_smtp_list;
mod trace_smtp_remove;
mod version;

use crate::Shard;
use crate::operator::Operator;
use console::{Command, Document, Refused, Request};
use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, LazyLock};
use world::World;

/// The list, in the order of the help: whom each command asks, and its file.
macro_rules! commands {
    ($($whom:ident $($file:ident)::+;)*) => {
        const OWN: &[&Command] = &[$(&$($file)::+::COMMAND),*];

        /// What carries each of them out.
        fn rows<W: World>() -> Vec<Row<W>> {
            vec![$(commands!(@ $whom $($file)::+)),*]
        }
    };
    (@ here $($file:ident)::+) => { here(&$($file)::+::COMMAND, $($file)::+::run) };
    (@ everyone $($file:ident)::+) => {
        everyone(&$($file)::+::COMMAND, $($file)::+::ask, $($file)::+::merge)
    };
}

commands! {
    here help;
    here quit;
    here version;
    here sysinfo;
    here pid;
    here authz_id;
    here authz_roles_list;
    here shutdown;
    everyone complete;
    everyone summary;
    everyone summary_reset;
    everyone counters;
    everyone memory;
    everyone threads_stats;
    here threads_io_queue;
    here threads_cpu_queue;
    here module_list;
    everyone paniclog;
    here reopen_logs;
    here ec_logger_reopen_logs;
    here bounce_logger_reopen_logs;
    everyone show_inbound;
    everyone show_outbound;
    everyone count;
    everyone queues::mailq;
    everyone queues::active;
    everyone queues::delayed;
    everyone queues::binding_active;
    everyone queues::binding_delayed;
    everyone queues::binding_summary;
    everyone queues::domain;
    everyone queues::domain_all;
    everyone queues::domains;
    everyone queues::showqueue;
    everyone queues::flush_domain;
    everyone queues::binding_flush_domain;
    everyone queues::fail_domain;
    everyone queues::fail_domain_quiet;
    everyone queues::binding_fail_domain;
    everyone queues::binding_fail_domain_quiet;
    everyone queues::fail_all;
    everyone queues::fail_all_quiet;
    everyone queues::delay;
    everyone queues::rebind;
    everyone queues::reroute_queue;
    everyone queues::suspend;
    everyone queues::resume;
    here queues::suspensions;
    everyone queues::why;
    everyone queues::message_details;
    everyone queues::message_fail;
    everyone queues::message_fail_quiet;
    everyone queues::message_retry;
    everyone refresh;
    here dig;
    everyone dns_cache_lookup;
    everyone dns_cache_submit;
    everyone dns_cache_stats;
    everyone counter_list;
    here counter_add;
    here counter_increment;
    everyone counter_reset;
    everyone counter_unlink;
    here trace_smtp_add;
    here trace_smtp_list;
    here trace_smtp_remove;
    here config::begin;
    here config::begin_from_scratch;
    here config::set;
    here config::unset;
    here config::commit;
    here config::rollback;
    here config::replay;
    here config::get;
    here config::eval;
    here config::show;
    here config::showrecurse;
    here config::locate;
    here config::reload;
    here config::writeback;
    here config::write;
}

/// The engine's own, then those of modules.
pub fn commands() -> &'static [&'static Command] {
    static ALL: LazyLock<Vec<&'static Command>> =
        LazyLock::new(|| OWN.iter().copied().chain(module::list()).collect());
    &ALL
}

/// One shard's part of an answer; `merge` of the same row knows its type.
pub(crate) type Part = Box<dyn Any + Send>;
type Doing<T> = Pin<Box<dyn Future<Output = Result<T, Refused>>>>;
type Ask<W> = Box<dyn Fn(Rc<Shard<W>>, Arc<Request>) -> Doing<Part>>;
type Merge<W> = Box<dyn Fn(Rc<Shard<W>>, Arc<Request>, Vec<Part>) -> Doing<Document>>;
type Run<W> = Box<dyn Fn(Rc<Shard<W>>, Arc<Request>, Rc<Operator>) -> Doing<Document>>;

/// A command and what a shard does for it.
pub(crate) struct Row<W: World> {
    pub command: &'static Command,
    pub work: Work<W>,
}

pub(crate) enum Work<W: World> {
    Here(Run<W>),
    Everyone { ask: Ask<W>, merge: Merge<W> },
}

/// For the shard that the console talks to.
fn here<W, F>(
    command: &'static Command,
    run: impl Fn(Rc<Shard<W>>, Arc<Request>, Rc<Operator>) -> F + 'static,
) -> Row<W>
where
    W: World,
    F: Future<Output = Result<Document, Refused>> + 'static,
{
    let work = Work::Here(Box::new(move |shard, request, operator| Box::pin(run(shard, request, operator))));
    Row { command, work }
}

/// For every shard.
fn everyone<W, P, A, M>(
    command: &'static Command,
    ask: impl Fn(Rc<Shard<W>>, Arc<Request>) -> A + 'static,
    merge: impl Fn(Rc<Shard<W>>, Arc<Request>, Vec<P>) -> M + 'static,
) -> Row<W>
where
    W: World,
    P: Send + 'static,
    A: Future<Output = Result<P, Refused>> + 'static,
    M: Future<Output = Result<Document, Refused>> + 'static,
{
    let ask: Ask<W> = Box::new(move |shard, request| {
        let asked = ask(shard, request);
        Box::pin(async move { asked.await.map(|part| Box::new(part) as Part) })
    });
    let merge: Merge<W> = Box::new(move |shard, request, parts| {
        let parts = parts.into_iter().map(|part| *part.downcast::<P>().expect("the row's own part"));
        Box::pin(merge(shard, request, parts.collect()))
    });
    Row { command, work: Work::Everyone { ask, merge } }
}

/// The row of a command of the list.
pub(crate) fn row_of<W: World>(command: &Command) -> Row<W> {
    let own = rows::<W>().into_iter().find(|row| row.command.name == command.name);
    own.or_else(|| module::row(command))
        .unwrap_or_else(|| panic!("{} stands in the list and has no row", command.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_there_once_and_well_written() {
        for (index, command) in commands().iter().enumerate() {
            assert!(commands()[..index].iter().all(|other| other.name != command.name), "{}", command.name);
            assert!(command.name.split(' ').all(|word| !word.is_empty()), "{}", command.name);
            assert!(command.summary.ends_with('.'), "{}", command.name);
        }
    }
}
