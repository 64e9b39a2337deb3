//! Work that takes longer than a shard may be held up: on a side thread of the engine, while the script waits.

use crate::fault::Fault;
use crate::scene::Scene;
use crate::value::Value;
use crate::word::{Finish, Wait};
use policy_api::{Host, Pool};
use std::any::Any;
use std::rc::Rc;

/// Octets of a subject: up to these a pattern is tried at once. PCRE's limit of steps holds for each place where a
/// match may begin, so the worst grows with the square.
pub(crate) const LONG_FOR_A_PATTERN: usize = 2048;
/// Octets of a message: up to these its body is decoded and searched at once.
pub(crate) const LONG_FOR_A_BODY: usize = 128 * 1024;

/// `finish` makes the value of what `job` has found.
pub(crate) fn work<T: Any + Send>(
    host: &Rc<dyn Host>,
    job: impl FnOnce() -> Result<T, String> + Send + 'static,
    finish: impl FnOnce(T) -> Value + 'static,
) -> Wait {
    work_on(host, Pool::Cpu, job, finish)
}

pub(crate) fn work_on<T: Any + Send>(
    host: &Rc<dyn Host>,
    pool: Pool,
    job: impl FnOnce() -> Result<T, String> + Send + 'static,
    finish: impl FnOnce(T) -> Value + 'static,
) -> Wait {
    let done = done(host, pool, job);
    Box::pin(async move {
        let found = done.await;
        let finish: Finish = Box::new(move |_: &mut Scene<'_>| found.map(finish));
        finish
    })
}

/// What a job has found.
pub(crate) fn done<T: Any + Send>(
    host: &Rc<dyn Host>,
    pool: Pool,
    job: impl FnOnce() -> Result<T, String> + Send + 'static,
) -> impl Future<Output = Result<T, Fault>> + 'static {
    let done = policy_api::aside(&**host, pool, job);
    async move { done.await.map_err(|fault| Fault::new(fault.to_string()))?.map_err(Fault::new) }
}
