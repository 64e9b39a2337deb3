//! sched: console commands at set times (spec module-details.md, sched). The jobs are the first shard's; with a
//! backing_store they are rows of an SQLite file, which is written before an operator hears that a job is taken.
//!
//! Law: a job that is due is written down as begun before it runs, so that a crash repeats none.

mod command;
mod job;
mod store;

use self::job::{Job, Jobs};
use self::store::Store;
use config::{Instances, ModuleOptions, ModuleSyntax, OptionalText, Stanza};
use policy_api::{Finding, Host, Later, Level, Make, Module, ModuleDef};
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct SchedOptions {
        /// SQLite file of the jobs; without one they end with the process.
        backing_store: OptionalText = "", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef {
    commands: command::COMMANDS,
    ..ModuleDef::new(
        ModuleSyntax {
            name: "sched",
            instances: Instances::Singleton,
            options: &[SchedOptions::DEFINITIONS],
            stanzas: &[],
        },
        &[],
        make,
    )
};

/// How operators are named whose commands run at their time.
const USER: &str = "sched";
const SECOND: u64 = 1_000_000;
/// Before a store that cannot be read is tried again.
const PATIENCE: Duration = Duration::from_secs(60);

fn make(stanza: Stanza<'_>, make: &Make<'_>) -> Result<Rc<dyn Module>, Finding> {
    let options = SchedOptions::resolve(&stanza);
    let state = State {
        is_enabled: ModuleOptions::resolve(&stanza).enabled,
        runs: make.shard == 0,
        node: make.hostname.split('.').next().unwrap_or_default().into(),
        store: options.backing_store.as_deref().map(|path| Store(path.into())),
    };
    Ok(Rc::new(Sched(Rc::new(state))))
}

struct Sched(Rc<State>);

struct State {
    is_enabled: bool,
    /// One of the shards has the jobs.
    runs: bool,
    /// Begin of the names of jobs.
    node: Box<str>,
    store: Option<Store>,
}

impl Module for Sched {
    fn attend(&self, host: &Rc<dyn Host>) -> Option<Later<()>> {
        if !self.0.is_enabled || !self.0.runs {
            return None;
        }
        let (state, host) = (self.0.clone(), host.clone());
        Some(Box::pin(async move {
            while let Err(problem) = state.jobs(&host).await {
                host.report(Level::Error, &format!("sched: {problem}"));
                host.pause(PATIENCE).await;
            }
            loop {
                state.run_due(&host).await;
                let into_second = host.now().micros() % SECOND;
                host.pause(Duration::from_micros(SECOND - into_second)).await;
            }
        }))
    }
}

impl State {
    /// The jobs of this shard, whatever generation of the configuration took them.
    async fn jobs(&self, host: &Rc<dyn Host>) -> Result<Rc<Jobs>, String> {
        let name = self.store.as_ref().map_or("", |store| &store.0);
        let jobs = match host.lasting().find::<Jobs>(name) {
            Some(jobs) => jobs,
            None => {
                host.lasting().offer(name, Jobs::default());
                host.lasting().find(name).expect("it has just been offered")
            }
        };
        if let Some(store) = &self.store
            && !jobs.is_loaded()
        {
            let stored = store.load(host).await?;
            jobs.load(stored);
        }
        Ok(jobs)
    }

    fn name(&self, job: &Job) -> String {
        format!("{}-{:09}", self.node, job.id)
    }

    async fn run_due(&self, host: &Rc<dyn Host>) {
        let Ok(jobs) = self.jobs(host).await else { return };
        while let Some(job) = jobs.begin(host.now().secs()) {
            if let Some(store) = &self.store
                && let Err(problem) = store.begun(host, &job, jobs.next_of(job.id)).await
            {
                host.report(Level::Error, &format!("sched: {}: {problem}", self.name(&job)));
            }
            let ended = match host.command(USER, &job.command) {
                Ok(running) => running.await,
                Err(problem) => Err(problem),
            };
            if let Err(problem) = ended {
                let text = format!("sched: {}: '{}': {}", self.name(&job), job.command, problem.trim_end());
                host.report(Level::Error, &text);
            }
        }
    }
}

#[cfg(test)]
mod tests;
