//! What modules do on their own while their generation of the configuration is in force: timers, reading again.
//!
//! Law: attendance ends with the generation; a module that panics in it is asked on, but attends no more.

use crate::Shard;
use crate::host::PolicyHost;
use crate::race::{caught, guarded, race};
use crate::settings::Site;
use policy_api::Host;
use std::rc::Rc;
use world::{Signal, World};

/// Once for every generation, when it comes into force.
pub(crate) fn attend<W: World>(shard: &Rc<Shard<W>>, site: &Rc<Site>) {
    let host: Rc<dyn Host> = PolicyHost::new(shard, site);
    for loaded in site.pipeline.loaded() {
        let name = loaded.definition.name();
        let attendance = match guarded(|| loaded.module.attend(&host)) {
            Ok(None) => continue,
            Ok(Some(attendance)) => Ok(attendance),
            Err(panic) => Err(panic),
        };
        let (shard, retired) = (shard.clone(), Signal::default());
        site.attending.borrow_mut().push(retired.clone());
        shard.world.clone().spawn("attend", async move {
            let ended = match attendance {
                // A module may lose what it waits for at any moment: what must end is a task of its host.
                Ok(attendance) => race(caught(attendance), &retired).await.unwrap_or(Ok(())),
                Err(panic) => Err(panic),
            };
            if let Err(panic) = ended {
                shard.counters.panics.add(1);
                shard.complain(&format!("{name}: panicked on its own: {panic}"));
            }
        });
    }
}
