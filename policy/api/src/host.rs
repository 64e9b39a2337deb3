//! What a module may ask of the outside.

use mail::Time;
use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

/// Played by the engine. Every wait is the module's own: other sessions go on.
pub trait Host {
    fn now(&self) -> Time;

    /// Waits; costs a timer, not a thread.
    fn pause<'a>(&'a self, delay: Duration) -> Pin<Box<dyn Future<Output = ()> + 'a>>;

    /// Whether the client has sent bytes that the session has not read yet.
    fn client_has_spoken(&self) -> bool;

    /// A line for paniclog, prefixed with the module's name by the caller.
    fn report(&self, text: &str);
}
