//! Tasks of one shard that wait for the same thing; all are woken, and look for themselves.

use mail::Time;
use std::cell::RefCell;
use std::rc::Rc;
use world::{Signal, World};

#[derive(Default)]
pub(crate) struct Crowd(RefCell<Vec<Rc<Signal>>>);

impl Crowd {
    /// Ends at the next `wake_all`.
    pub async fn wait(&self) {
        let signal = Rc::new(Signal::default());
        self.0.borrow_mut().push(signal.clone());
        signal.wait().await;
    }

    /// Ends at the next `wake_all`, or at the deadline.
    pub async fn wait_until(&self, world: &impl World, deadline: Time) {
        let signal = Rc::new(Signal::default());
        self.0.borrow_mut().push(signal.clone());
        signal.wait_until(world, deadline).await;
    }

    pub fn wake_all(&self) {
        self.0.take().iter().for_each(|signal| signal.raise());
    }
}
