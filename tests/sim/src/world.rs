//! One shard's view of the simulated outside: `world::World` over a universe.

use crate::bell::Bell;
use crate::net::{SimDatagrams, SimListener, SimStream};
use crate::tasks::Process;
use crate::{SimFile, Universe};
use mail::Time;
use std::future::{Future, poll_fn};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;
use world::{Dial, Disk, Doorbell, Endpoint, Entry, Job, Net, Pool, World};

/// `breathe` gives way once in so many times.
const BREATHS: u64 = 3;

#[derive(Clone)]
pub struct SimWorld {
    pub(crate) universe: Universe,
    pub(crate) process: Process,
    pub(crate) host: IpAddr,
    pub(crate) bell: Arc<Bell>,
}

impl SimWorld {
    pub fn universe(&self) -> &Universe {
        &self.universe
    }
}

impl World for SimWorld {
    fn now(&self) -> Time {
        self.universe.now()
    }

    fn chance(&self) -> u64 {
        self.universe.0.chances.roll()
    }

    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + 'static) {
        self.universe.0.tasks.spawn(self.process, name, task);
    }

    async fn sleep_until(&self, when: Time) {
        self.universe.0.clock.sleep_until(when).await;
    }

    async fn breathe(&self) {
        if self.universe.0.chances.one_in(BREATHS) {
            self.give_way().await;
        }
    }

    async fn give_way(&self) {
        let mut given_way = false;
        poll_fn(|context| {
            if std::mem::replace(&mut given_way, true) {
                return Poll::Ready(());
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }

    fn doorbell(&self) -> Arc<dyn Doorbell> {
        self.bell.clone()
    }

    async fn rung(&self) {
        poll_fn(|context| self.bell.poll_rung(context.waker())).await;
    }

    fn log(&self, file: &Path, _mode: u32, lines: Vec<u8>) -> bool {
        self.universe.trace(|| {
            let name = file.file_name().unwrap_or_default().display();
            format!("{name}: {}", String::from_utf8_lossy(&lines).trim_end().replace('\n', " | "))
        });
        self.universe.0.logs.borrow_mut().entry(file.to_owned()).or_default().extend_from_slice(&lines);
        true
    }

    /// Done at once by a task of its own, when chance lets it.
    fn work(&self, _pool: Pool, job: Job) -> bool {
        self.universe.0.tasks.spawn(self.process, "job", async move { job() });
        true
    }

    fn reopen_logs(&self) {}
}

impl Net for SimWorld {
    type Listener = SimListener;
    type Stream = SimStream;
    type Datagrams = SimDatagrams;

    fn listen(&self, at: &Endpoint, backlog: u32) -> io::Result<SimListener> {
        self.universe.0.net.listen(self.process, at, backlog)
    }

    async fn dial(&self, dial: Dial) -> io::Result<SimStream> {
        self.universe.0.net.dial(self.process, self.host, dial).await
    }

    /// No other program of this host is simulated.
    async fn dial_unix(&self, _path: &Path, _deadline: Time) -> io::Result<SimStream> {
        Err(io::ErrorKind::ConnectionRefused.into())
    }

    fn datagrams(&self, to: SocketAddr) -> io::Result<SimDatagrams> {
        Ok(self.universe.0.net.datagrams(to))
    }
}

impl Disk for SimWorld {
    type File = SimFile;

    async fn create_folder(&self, path: &Path) -> io::Result<()> {
        self.universe.0.disk.create_folder(path).await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        self.universe.0.disk.list(path).await
    }

    async fn create_zeroed(&self, path: &Path, bytes: u64) -> io::Result<SimFile> {
        self.universe.0.disk.create_zeroed(path, bytes).await
    }

    async fn open(&self, path: &Path) -> io::Result<SimFile> {
        self.universe.0.disk.open(path).await
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        self.universe.0.disk.remove(path).await
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.universe.0.disk.rename(from, to).await
    }
}
