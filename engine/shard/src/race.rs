//! Operations side by side. Law: nothing but a leaf operation of the world races against a signal, since the
//! loser is dropped unfinished.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use world::Signal;

/// The operation's result, or none if the signal was raised first.
pub(crate) async fn race<T>(operation: impl Future<Output = T>, signal: &Signal) -> Option<T> {
    let mut operation = pin!(operation);
    let mut raised = pin!(signal.wait());
    poll_fn(|context| match operation.as_mut().poll(context) {
        Poll::Ready(result) => Poll::Ready(Some(result)),
        Poll::Pending => raised.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// The result of an operation on foreign content, or the message of the panic that it ended with.
pub(crate) async fn caught<T>(operation: impl Future<Output = T>) -> Result<T, String> {
    let mut operation = pin!(operation);
    poll_fn(|context| {
        // What the operation owns is dropped with it and seen by nobody after a panic.
        match catch_unwind(AssertUnwindSafe(|| operation.as_mut().poll(context))) {
            Ok(Poll::Ready(result)) => Poll::Ready(Ok(result)),
            Ok(Poll::Pending) => Poll::Pending,
            Err(panic) => Poll::Ready(Err(message_of(&*panic))),
        }
    })
    .await
}

/// The result of a call into foreign content, or the message of the panic that it ended with.
pub(crate) fn guarded<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|panic| message_of(&*panic))
}

fn message_of(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "without a message".into())
}

/// The results of several operations that run side by side, in their order.
pub(crate) async fn join_all<F: Future>(operations: impl Iterator<Item = F>) -> Vec<F::Output> {
    let mut running: Vec<_> = operations.map(|operation| (Box::pin(operation), None)).collect();
    poll_fn(|context| {
        let mut pending = false;
        for (operation, result) in running.iter_mut().filter(|(_, result)| result.is_none()) {
            match operation.as_mut().poll(context) {
                Poll::Ready(value) => *result = Some(value),
                Poll::Pending => pending = true,
            }
        }
        if pending { Poll::Pending } else { Poll::Ready(()) }
    })
    .await;
    running.into_iter().filter_map(|(_, result)| result).collect()
}
