//! The root of every task: a panic inside ends that task alone, and is reported.

use crate::executor::PanicHook;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A task that contains its panics. Its state is dropped after one, contained as well.
pub(crate) struct Contained<F> {
    name: &'static str,
    on_panic: PanicHook,
    task: Option<F>,
}

impl<F: Future<Output = ()>> Contained<F> {
    pub fn new(name: &'static str, on_panic: PanicHook, task: F) -> Self {
        Contained { name, on_panic, task: Some(task) }
    }
}

impl<F: Future<Output = ()>> Future for Contained<F> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `task` is pinned with `self`: it is never moved, only polled and dropped in place.
        let (name, on_panic, mut task) = unsafe {
            let this = self.get_unchecked_mut();
            (this.name, &this.on_panic, Pin::new_unchecked(&mut this.task))
        };
        let polled = catch_unwind(AssertUnwindSafe(|| {
            task.as_mut().as_pin_mut().map_or(Poll::Ready(()), |task| task.poll(context))
        }));
        match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(())) => {}
            Err(panic) => on_panic(name, message(&*panic)),
        }
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| task.set(None))) {
            on_panic(name, message(&*panic));
        }
        Poll::Ready(())
    }
}

/// The text of `panic!`, if it is one.
pub(crate) fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without a text")
}
