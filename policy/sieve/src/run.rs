//! Drives a machine: the only place of this crate that waits.

use crate::limits::Limits;
use crate::machine::{Ending, Loaded, Machine, Progress};
use crate::scene::Scene;
use std::rc::Rc;

/// How a script is run.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    pub limits: Limits,
    /// `runtime_error = continue`
    pub goes_on: bool,
}

/// A run that has begun.
pub(crate) enum Begun {
    /// It did not have to wait.
    Finished(Ending),
    Waiting(Box<Machine>, Progress),
}

/// Runs up to the first wait: most scripts end before one.
pub(crate) fn begin(loaded: &Rc<Loaded>, terms: Terms, scene: &mut Scene<'_>) -> Begun {
    let mut machine = Machine::new(loaded.clone(), terms.limits, terms.goes_on);
    match machine.advance(scene) {
        Progress::Finished(ending) => Begun::Finished(ending),
        progress => Begun::Waiting(Box::new(machine), progress),
    }
}

/// Goes on to the end.
pub(crate) async fn finish(
    mut machine: Box<Machine>,
    mut progress: Progress,
    terms: Terms,
    scene: &mut Scene<'_>,
) -> Ending {
    let deadline = scene.host.now() + terms.limits.time;
    let may_wait = scene.rights().suspend;
    loop {
        match progress {
            Progress::Finished(ending) => return ending,
            // Where nobody may wait the turn is kept; the limit of steps is the end of that.
            Progress::Breathes if !may_wait => {}
            Progress::Breathes => scene.host.breathe().await,
            Progress::Waits(wait) => {
                let answer = wait.await(scene);
                if let Some(ending) = machine.answered(answer, scene) {
                    return ending;
                }
            }
        }
        if scene.host.now() > deadline {
            return machine.timed_out(scene);
        }
        progress = machine.advance(scene);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compile::compile;
    use crate::pattern::Patterns;
    use crate::scene::Shared;
    use crate::throttle::Throttles;
    use mail::Phase;
    use policy_api::testing::{Conversation, run};
    use policy_api::{Ask, Host};
    use std::sync::Arc;
    use std::time::Duration;

    fn with_scene<T>(conversation: &mut Conversation, play: impl FnOnce(&mut Scene<'_>) -> T) -> T {
        let host: Rc<dyn Host> = conversation.host.clone();
        let shared = Shared {
            instance: "t".into(),
            hostname: "mx.example".into(),
            patterns: Patterns::default(),
            throttles: Throttles::new(10),
            keys: crate::keys::Keys::default(),
            included: crate::included::Included::new(10, Duration::from_secs(60), None),
            sources: Arc::default(),
            services: Rc::default(),
        };
        let mut ask = Ask {
            phase: Phase::Data,
            client: &conversation.client,
            line: "",
            contexts: &mut conversation.contexts,
            message: &mut conversation.message,
            session: &mut conversation.session,
            disposition: &mut conversation.disposition,
        };
        play(&mut Scene::new("data_phase1", &mut ask, &host, &shared))
    }

    fn loaded(script: &str) -> Rc<Loaded> {
        Loaded::new(Arc::new(compile("t.siv", script).expect("a script")))
    }

    const TERMS: Terms = Terms {
        limits: Limits { steps: 1_000_000, memory: 1_000_000, depth: 4, time: Duration::from_secs(60) },
        goes_on: false,
    };

    #[test]
    fn a_long_run_lets_others_have_their_turn() {
        let loaded = loaded(&"$a = \"1\";\n".repeat(50_000));
        let mut breaths = 0;
        with_scene(&mut Conversation::default(), |scene| {
            let mut machine = Machine::new(loaded, TERMS.limits, false);
            loop {
                match machine.advance(scene) {
                    Progress::Finished(ending) => break assert_eq!(ending, Ending::Through),
                    Progress::Breathes => breaths += 1,
                    Progress::Waits(_) => panic!("nothing to wait for"),
                }
            }
        });
        assert_eq!(breaths, 5, "100,001 steps, 20,000 between two breaths");
    }

    #[test]
    fn a_run_that_waits_too_long_fails() {
        let loaded = loaded("$a = ec_dns_lookup \"a.example\" \"a\"; vctx_conn_set \"after\" \"yes\";");
        for (seconds, expected) in [
            (60, Ending::Through),
            (61, Ending::Failed("t.siv:1: the script has taken more than 60 s".into())),
        ] {
            let mut conversation = Conversation::default();
            let clock = conversation.host.clock.clone();
            let ending = with_scene(&mut conversation, |scene| {
                let Begun::Waiting(machine, Progress::Waits(wait)) = begin(&loaded, TERMS, scene) else {
                    panic!("it waits for the name server");
                };
                let slow = Progress::Waits(Box::pin(async move {
                    let answer = wait.await;
                    clock.set(clock.get() + Duration::from_secs(seconds));
                    answer
                }));
                run(finish(machine, slow, TERMS, scene))
            });
            assert_eq!(ending, expected);
            let counters = conversation.host.counters.borrow();
            assert_eq!(counters.contains_key("/sieve/t/data_phase1:limit:time (4xx)"), seconds > 60);
            drop(counters);
            assert_eq!(conversation.contexts.connection.get("after").is_some(), seconds == 60);
        }
    }
}
