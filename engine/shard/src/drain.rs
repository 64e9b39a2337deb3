//! The end of a shard: stop accepting, let what is under way finish within a bound, write what waits.

use crate::{Life, Shard, receive, record};
use mail::Time;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use world::World;

/// How often a shard that leaves looks whether the others have come so far.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

impl<W: World> Shard<W> {
    /// Stops the shard; returns when nothing of it is left to do. The journal holds every promise, so what
    /// the bound cuts off costs a repetition at most.
    pub(crate) async fn drain(self: &Rc<Self>) {
        self.life.set(Life::Stopping);
        self.sockets.borrow().close();
        self.site().retire();
        // A generation that comes too late; its sockets close with it.
        self.prepared.take();
        self.sessions.borrow().values().for_each(|signal| signal.raise());
        self.dispatch_bell.raise();
        self.tidy_bell.raise();
        self.wake_idle();
        let deadline = self.world.now() + self.site().global.shutdown_timeout;
        while !self.sessions.borrow().is_empty() && self.session_ended.wait_until(&self.world, deadline).await
        {
        }
        while self.deliveries.get() > 0 && self.delivery_ended.wait_until(&self.world, deadline).await {}
        self.leave(deadline).await;
    }

    /// Other shards may still report to us: the journal closes when all have come so far.
    async fn leave(self: &Rc<Self>, deadline: Time) {
        while self.post_office.flush() && self.world.now() < deadline {
            self.world.sleep_until(self.world.now() + LOOK_AGAIN).await;
        }
        self.life.set(Life::Leaving);
        self.common.leaving.fetch_add(1, Ordering::SeqCst);
        self.common.exchange.wake_all();
        let all = self.count;
        while self.common.leaving.load(Ordering::SeqCst) < all && self.world.now() < deadline {
            self.world.sleep_until(self.world.now() + LOOK_AGAIN).await;
        }
        // The last reports of the others have arrived: they flushed before they came here.
        receive::take_all(self);
        self.spool.closing.set(true);
        self.spool.bell.raise();
        self.spool.closed.wait().await;
        self.life.set(Life::Ended);
        self.post_office.courier.raise();
        self.common.exchange.wake_all();
        record::wake(self);
        self.recorder.closed.wait().await;
    }

    fn wake_idle(&self) {
        self.idle.call_all();
    }
}
