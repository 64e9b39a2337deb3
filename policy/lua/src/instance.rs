//! The scripts of a stanza, loaded into one machine: what they have registered, and the sessions' tables.

use crate::call::Call;
use crate::callouts::Lasting;
use crate::family::{AUTHENTICATORS, CONTROLS, FAMILIES, MODULES};
use crate::function::install;
use crate::machine::{Machine, plain_text};
use crate::sources::{Script, find, finding};
use mail::MessageId;
use mlua::{Function, Table, Value};
use policy_api::{Finding, Services, Sources};
use std::cell::RefCell;
use std::collections::HashMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;

/// One `msys.registerModule`.
pub struct Registered {
    pub name: String,
    pub functions: Table,
}

pub struct Instance {
    pub machine: Rc<Machine>,
    pub modules: Vec<Registered>,
    sessions: RefCell<Sessions>,
}

impl Instance {
    /// Runs every script once; the first that fails refuses the configuration.
    pub fn load(
        sources: &Arc<Sources>,
        roots: Vec<PathBuf>,
        scripts: &[Script],
        services: &Rc<Services>,
    ) -> Result<Instance, Finding> {
        let (sources, ours) = (sources.clone(), roots);
        let finder = Rc::new(move |name: &str| find(&sources, &ours, name));
        let broken =
            |error: mlua::Error| Finding::new("", format!("the Lua machine cannot be set up: {error}"));
        let machine = Machine::new(finder.clone()).map_err(broken)?;
        machine.services.replace(Some(services.clone()));
        let list = machine.lua.create_table().map_err(broken)?;
        machine.lua.set_named_registry_value(MODULES, list).map_err(broken)?;
        for registered in [AUTHENTICATORS, CONTROLS] {
            let table = machine.lua.create_table().map_err(broken)?;
            machine.lua.set_named_registry_value(registered, table).map_err(broken)?;
        }
        for family in FAMILIES {
            install(&machine, family).map_err(broken)?;
        }
        for script in scripts {
            let run = || {
                machine.load(|| {
                    machine.lua.globals().get::<Function>("require")?.call::<Value>(script.source.as_str())
                })
            };
            run().map_err(|error| finding(&plain_text(&error), &script.place))?;
        }
        let modules = registered(&machine).map_err(|error| finding(&plain_text(&error), ""))?;
        let instance = Instance { machine, modules, sessions: RefCell::default() };
        instance.init(scripts)?;
        instance.set_up_resources()?;
        Ok(instance)
    }

    /// `init()` must return true.
    fn init(&self, scripts: &[Script]) -> Result<(), Finding> {
        for module in &self.modules {
            let place =
                scripts.iter().find(|script| script.name == module.name).map_or("", |script| &script.place);
            let Ok(Value::Function(init)) = module.functions.get::<Value>("init") else { continue };
            let answer = self.machine.load(|| init.call::<Value>(module.functions.clone()));
            match answer {
                Ok(Value::Boolean(true)) => {}
                Ok(_) => {
                    return Err(Finding::new(
                        place,
                        format!("init() of module '{}' did not return true", module.name),
                    ));
                }
                Err(error) => return Err(finding(&plain_text(&error), place)),
            }
        }
        Ok(())
    }

    /// `rsrc_setup()`, where scripts register commands; what it answers is not looked at.
    fn set_up_resources(&self) -> Result<(), Finding> {
        for module in &self.modules {
            let Ok(Value::Function(set_up)) = module.functions.get::<Value>("rsrc_setup") else { continue };
            let done = self.machine.load(|| set_up.call::<Value>(module.functions.clone()));
            done.map_err(|error| finding(&plain_text(&error), ""))?;
        }
        Ok(())
    }

    /// What the load has to say: printed lines, scripts whose name nobody registered.
    pub fn remarks(&self, scripts: &[Script]) -> Vec<String> {
        let mut remarks = self.machine.printed.take();
        for script in scripts {
            if !self.modules.iter().any(|module| module.name == script.name) {
                remarks.push(format!(
                    "script \"{}\" has registered no module of that name: none of its callouts run",
                    script.name
                ));
            }
        }
        remarks
    }

    /// Who checks the users of a scheme.
    pub fn authenticator(&self, scheme: &str) -> Option<Table> {
        self.machine.lua.named_registry_value::<Table>(AUTHENTICATORS).ok()?.raw_get(scheme).ok().flatten()
    }

    /// Functions that carry out commands of the console, by their first words.
    pub fn controls(&self) -> Option<Table> {
        self.machine.lua.named_registry_value(CONTROLS).ok()
    }

    pub fn has_authenticators(&self) -> bool {
        let known = self.machine.lua.named_registry_value::<Table>(AUTHENTICATORS);
        known.is_ok_and(|known| !known.is_empty())
    }

    /// A session has ended: its tables go.
    pub fn forget(&self, session: MessageId) {
        self.sessions.borrow_mut().tables.remove(&session);
    }

    /// A session that scripts have been called for.
    pub fn knows(&self, session: MessageId) -> bool {
        self.sessions.borrow().tables.contains_key(&session)
    }

    /// The table of a session, as `self` of a module: what it lacks, the functable has.
    pub fn receiver(&self, call: &Call, module: &Registered) -> mlua::Result<Table> {
        if call.client.id == MessageId::NONE {
            // Nobody's session: nothing is kept of it.
            return self.fresh(module);
        }
        let mut sessions = self.sessions.borrow_mut();
        let session = sessions.of(call.client.id);
        if session.storage.is_none() {
            session.storage = Some(self.machine.lua.create_table()?);
        }
        if let Some(storage) = &session.storage {
            let _ = call.table.set(storage.clone());
        }
        if let Some((_, table)) = session.receivers.iter().find(|(name, _)| *name == module.name) {
            return Ok(table.clone());
        }
        let table = self.fresh(module)?;
        session.receivers.push((module.name.clone(), table.clone()));
        Ok(table)
    }

    /// What stands for the call's session in its callouts.
    pub fn objects(&self, call: &Call) -> Option<Lasting> {
        (call.client.id != MessageId::NONE)
            .then(|| self.sessions.borrow_mut().of(call.client.id).objects.clone())
    }

    fn fresh(&self, module: &Registered) -> mlua::Result<Table> {
        let (table, meta) = (self.machine.lua.create_table()?, self.machine.lua.create_table()?);
        meta.raw_set("__index", &module.functions)?;
        table.set_metatable(Some(meta))?;
        Ok(table)
    }
}

fn registered(machine: &Machine) -> mlua::Result<Vec<Registered>> {
    let list: Table = machine.lua.named_registry_value(MODULES)?;
    let entries = list.sequence_values::<Table>().map(|entry| {
        let entry = entry?;
        Ok(Registered { name: entry.get("name")?, functions: entry.get("functions")? })
    });
    entries.collect()
}

/// Sessions whose tables are kept; beyond, the one that was not asked for longest goes.
const KEPT: usize = 16_384;

#[derive(Default)]
struct Sessions {
    tables: HashMap<MessageId, Session>,
    clock: u64,
}

#[derive(Default)]
struct Session {
    used: u64,
    /// `_TLS`
    storage: Option<Table>,
    receivers: Vec<(String, Table)>,
    objects: Lasting,
}

impl Sessions {
    fn of(&mut self, id: MessageId) -> &mut Session {
        self.clock += 1;
        if self.tables.len() >= KEPT && !self.tables.contains_key(&id) {
            // An eighth at once, so that the search is rare.
            let mut used: Vec<u64> = self.tables.values().map(|session| session.used).collect();
            let (_, limit, _) = used.select_nth_unstable(KEPT / 8);
            let limit = *limit;
            self.tables.retain(|_, session| session.used > limit);
        }
        let session = self.tables.entry(id).or_default();
        session.used = self.clock;
        session
    }
}
