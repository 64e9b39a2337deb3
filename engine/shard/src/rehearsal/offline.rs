//! The outside of a rehearsal: clock, chance and side threads of the real one; no disk, no logs, no listeners;
//! names from a zone if there is one, connections only if they are allowed.

use bytes::Bytes;
use dns::zone::{Carrier, Zone};
use mail::Time;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::marker::PhantomData;
use std::net::SocketAddr;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use world::{
    Buffer, Datagrams, Dial, Disk, Doorbell, Endpoint, Entry, Job, Listener, Net, Pool, Stream, World,
};

#[derive(Clone)]
pub(crate) struct Offline<W: World> {
    world: W,
    zone: Option<Rc<Zone>>,
    may_connect: bool,
    /// Reached over TCP too, when an answer does not fit into a datagram.
    name_servers: Arc<[SocketAddr]>,
}

impl<W: World> Offline<W> {
    pub fn new(world: W, zone: Option<Rc<Zone>>, may_connect: bool, name_servers: Arc<[SocketAddr]>) -> Self {
        Offline { world, zone, may_connect, name_servers }
    }

    fn permits(&self, to: Option<SocketAddr>) -> io::Result<()> {
        let asks_names = self.zone.is_none() && to.is_some_and(|to| self.name_servers.contains(&to));
        match self.may_connect || asks_names {
            true => Ok(()),
            false => Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "no connections in a trace, unless --allow-network says so",
            )),
        }
    }
}

fn no_disk<T>() -> io::Result<T> {
    Err(io::ErrorKind::Unsupported.into())
}

impl<W: World> World for Offline<W> {
    fn now(&self) -> Time {
        self.world.now()
    }

    fn chance(&self) -> u64 {
        self.world.chance()
    }

    fn spawn(&self, name: &'static str, task: impl Future<Output = ()> + 'static) {
        self.world.spawn(name, task);
    }

    async fn sleep_until(&self, when: Time) {
        self.world.sleep_until(when).await;
    }

    async fn give_way(&self) {
        self.world.give_way().await;
    }

    async fn breathe(&self) {
        self.world.breathe().await;
    }

    fn doorbell(&self) -> Arc<dyn Doorbell> {
        self.world.doorbell()
    }

    async fn rung(&self) {
        self.world.rung().await;
    }

    fn log(&self, _file: &Path, _mode: u32, _lines: Vec<u8>) -> bool {
        true
    }

    fn work(&self, pool: Pool, job: Job) -> bool {
        self.world.work(pool, job)
    }

    fn reopen_logs(&self) {}
}

impl<W: World> Disk for Offline<W> {
    type File = NoFile;

    async fn create_folder(&self, _: &Path) -> io::Result<()> {
        no_disk()
    }

    async fn list(&self, _: &Path) -> io::Result<Vec<Entry>> {
        no_disk()
    }

    async fn create_zeroed(&self, _: &Path, _: u64) -> io::Result<NoFile> {
        no_disk()
    }

    async fn open(&self, _: &Path) -> io::Result<NoFile> {
        no_disk()
    }

    async fn remove(&self, _: &Path) -> io::Result<()> {
        no_disk()
    }

    async fn rename(&self, _: &Path, _: &Path) -> io::Result<()> {
        no_disk()
    }
}

/// There are none.
#[derive(Clone)]
pub(crate) enum NoFile {}

impl world::File for NoFile {
    async fn commit(&self, _: u64, _: Buffer) -> (io::Result<()>, Buffer) {
        match *self {}
    }

    async fn read(&self, _: u64, _: usize) -> io::Result<Buffer> {
        match *self {}
    }

    fn bytes(&self) -> u64 {
        match *self {}
    }
}

impl<W: World> Net for Offline<W> {
    type Listener = Deaf<W>;
    type Stream = Line<W>;
    type Datagrams = Questions<W>;

    fn listen(&self, _: &Endpoint, _: u32) -> io::Result<Deaf<W>> {
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn dial(&self, dial: Dial) -> io::Result<Line<W>> {
        self.permits(Some(dial.to))?;
        self.world.dial(dial).await.map(Line::Real)
    }

    async fn dial_unix(&self, path: &Path, deadline: Time) -> io::Result<Line<W>> {
        self.permits(None)?;
        self.world.dial_unix(path, deadline).await.map(Line::Real)
    }

    fn datagrams(&self, to: SocketAddr) -> io::Result<Questions<W>> {
        match &self.zone {
            Some(zone) => {
                let (zone, world) = (zone.clone(), self.world.clone());
                Ok(Questions::Zone { zone, world, answers: RefCell::default() })
            }
            None => self.world.datagrams(to).map(Questions::Real),
        }
    }
}

/// A connection of a module, or the client who says nothing beyond its turn.
pub(crate) enum Line<W: World> {
    Real(W::Stream),
    Silence,
}

impl<W: World> Stream for Line<W> {
    type Chunk = <W::Stream as Stream>::Chunk;

    async fn read(&mut self, deadline: Time) -> io::Result<Self::Chunk> {
        match self {
            Line::Real(stream) => stream.read(deadline).await,
            Line::Silence => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn has_unread(&self) -> bool {
        matches!(self, Line::Real(stream) if stream.has_unread())
    }

    async fn write(&mut self, blocks: Vec<Bytes>, deadline: Time) -> io::Result<()> {
        match self {
            Line::Real(stream) => stream.write(blocks, deadline).await,
            Line::Silence => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    fn peer(&self) -> Option<SocketAddr> {
        match self {
            Line::Real(stream) => stream.peer(),
            Line::Silence => None,
        }
    }

    fn local(&self) -> Option<SocketAddr> {
        match self {
            Line::Real(stream) => stream.local(),
            Line::Silence => None,
        }
    }
}

/// There are none.
#[derive(Clone)]
pub(crate) struct Deaf<W: World>(Infallible, PhantomData<W>);

impl<W: World> Listener for Deaf<W> {
    type Stream = Line<W>;

    async fn accept(&self) -> io::Result<Line<W>> {
        match self.0 {}
    }

    fn local(&self) -> Endpoint {
        match self.0 {}
    }

    fn close(&self) {
        match self.0 {}
    }
}

/// A socket to a name server, or the zone that answers in its place, with what it has answered.
pub(crate) enum Questions<W: World> {
    Real(W::Datagrams),
    Zone { zone: Rc<Zone>, world: W, answers: RefCell<VecDeque<Vec<u8>>> },
}

impl<W: World> Datagrams for Questions<W> {
    async fn send(&self, packet: Vec<u8>) -> io::Result<()> {
        match self {
            Questions::Real(socket) => socket.send(packet).await,
            Questions::Zone { zone, answers, .. } => {
                // A stream's answer is whole, whatever a datagram can hold.
                answers.borrow_mut().extend(zone.answer(&packet, Carrier::Stream));
                Ok(())
            }
        }
    }

    async fn receive(&self, deadline: Time) -> io::Result<Vec<u8>> {
        match self {
            Questions::Real(socket) => socket.receive(deadline).await,
            Questions::Zone { world, answers, .. } => {
                if let Some(answer) = answers.borrow_mut().pop_front() {
                    return Ok(answer);
                }
                world.sleep_until(deadline).await;
                Err(io::ErrorKind::TimedOut.into())
            }
        }
    }
}
