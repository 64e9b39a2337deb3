//! The slow lane of a shard: where calls go on that have had their first slice.
//!
//! The law: they take turns, one slice at a time, and everything else of the shard has its turn between two slices.
//! However many they are, others wait for one slice.

use policy_api::Host;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

#[derive(Default)]
pub struct Lane {
    waiting: RefCell<VecDeque<Rc<Place>>>,
}

/// In the queue.
#[derive(Default)]
struct Place {
    waker: RefCell<Option<Waker>>,
    is_first: Cell<bool>,
}

/// Gives the place up when its turn has come, or whoever waited is gone.
struct Held<'a>(&'a Lane, Rc<Place>);

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.borrow_mut();
        waiting.retain(|place| !Rc::ptr_eq(place, &self.1));
        if let Some(next) = waiting.front().filter(|next| !next.is_first.replace(true))
            && let Some(waker) = next.waker.take()
        {
            waker.wake();
        }
    }
}

impl Lane {
    /// Waits for the caller's turn. What is computed from here to the next await is the slice.
    pub async fn turn(&self, host: &Rc<dyn Host>) {
        let place = Rc::new(Place::default());
        place.is_first.set(self.waiting.borrow().is_empty());
        self.waiting.borrow_mut().push_back(place.clone());
        let held = Held(self, place);
        poll_fn(|context| match held.1.is_first.get() {
            true => Poll::Ready(()),
            false => {
                held.1.waker.replace(Some(context.waker().clone()));
                Poll::Pending
            }
        })
        .await;
        host.give_way().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::Later;
    use policy_api::testing::FakeHost;
    use std::task::Context;

    #[test]
    fn they_take_turns_one_slice_in_a_round_and_who_is_gone_stops_nobody() {
        let (lane, host): (Rc<Lane>, Rc<dyn Host>) = (Rc::default(), FakeHost::new());
        let ran: Rc<RefCell<Vec<char>>> = Rc::default();
        let slow = |name: char| -> Later<()> {
            let (lane, host, ran) = (lane.clone(), host.clone(), ran.clone());
            Box::pin(async move {
                loop {
                    lane.turn(&host).await;
                    ran.borrow_mut().push(name);
                }
            })
        };
        let mut tasks = vec![slow('a'), slow('b'), slow('c')];
        let mut context = Context::from_waker(Waker::noop());
        let mut round = |tasks: &mut Vec<Later<()>>| {
            tasks.iter_mut().for_each(|task| assert!(task.as_mut().poll(&mut context).is_pending()));
            ran.take().into_iter().collect::<String>()
        };
        let rounds: Vec<String> = (0..40).map(|_| round(&mut tasks)).collect();
        assert!(rounds.iter().all(|ran| ran.len() <= 1), "{rounds:?}");
        let order = rounds.concat();
        assert!(order.len() >= 15 && "abc".repeat(20).starts_with(&order), "{rounds:?}");
        for _ in 0..2 {
            drop(tasks.remove(0));
            assert!((0..6).map(|_| round(&mut tasks)).any(|ran| !ran.is_empty()), "somebody goes on");
        }
    }
}
