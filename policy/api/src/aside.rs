//! Work on a side thread whose answer has a type.

use crate::{Host, Later, Pool, WorkFault};

/// Has something done on a side thread; what it gave.
pub fn aside<T: Send + 'static>(
    host: &dyn Host,
    pool: Pool,
    work: impl FnOnce() -> T + Send + 'static,
) -> Later<Result<T, WorkFault>> {
    let done = host.work(pool, Box::new(move || Box::new(work())));
    Box::pin(async move {
        let answer = done.await?.downcast::<T>();
        Ok(*answer.expect("a job answers with what it was made of"))
    })
}
