//! Accepts connections; over a limit it answers 421 and closes.

use crate::Shard;
use crate::control::control;
use crate::options::ControlOptions;
use crate::serve::serve;
use crate::settings::{ListenerSettings, Site};
use crate::tell::{Occasion, What};
use bytes::Bytes;
use config::Endpoint;
use logs::{Event, Rejection};
use mail::{Contexts, SessionState};
use policy_api::{Client, HookKind};
use smtp::server::replies::CONCURRENCY_LIMIT;
use std::collections::HashMap;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::time::Duration;
use world::{Listener, Stream, World};

/// A client that is over a limit gets this long to take its reply.
const REFUSAL_TIME: Duration = Duration::from_secs(2);

/// Who is spoken to behind a socket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Service {
    Smtp,
    Console,
}

struct Socket<W: World> {
    service: Service,
    endpoint: Endpoint,
    listener: W::Listener,
}

/// One shard's listening sockets; those that are dropped are closed.
pub(crate) struct Sockets<W: World>(Vec<Socket<W>>);

impl<W: World> Default for Sockets<W> {
    fn default() -> Self {
        Sockets(Vec::new())
    }
}

impl<W: World> Sockets<W> {
    /// Opens the enabled endpoints of the configuration that are not open yet; the console is one shard's.
    /// All of them, or none.
    pub fn missing(&self, world: &W, site: &Site, with_console: bool) -> Result<Self, (Endpoint, io::Error)> {
        let mut opened = Sockets::default();
        for wanted in wanted(site, with_console) {
            if !self.has(wanted.service, wanted.endpoint) {
                let listener = wanted.open(world).map_err(|error| (wanted.endpoint.clone(), error))?;
                let Wanted { service, endpoint, .. } = wanted;
                opened.0.push(Socket { service, endpoint: endpoint.clone(), listener });
            }
        }
        Ok(opened)
    }

    /// Closes what the configuration does not have any more.
    pub fn close_unwanted(&mut self, site: &Site) {
        let wanted = wanted(site, true);
        self.0.retain(|socket| {
            let is_wanted = wanted
                .iter()
                .any(|wanted| wanted.service == socket.service && *wanted.endpoint == socket.endpoint);
            if !is_wanted {
                socket.listener.close();
            }
            is_wanted
        });
    }

    pub fn close(&self) {
        self.0.iter().for_each(|socket| socket.listener.close());
    }

    fn has(&self, service: Service, endpoint: &Endpoint) -> bool {
        self.0.iter().any(|socket| socket.service == service && socket.endpoint == *endpoint)
    }
}

/// Takes sockets into service.
pub(crate) fn serve_at<W: World>(shard: &Rc<Shard<W>>, opened: Sockets<W>) {
    for socket in opened.0 {
        let (endpoint, listener) = (socket.endpoint.clone(), socket.listener.clone());
        match socket.service {
            Service::Smtp => shard.world.spawn("listener", listen(shard.clone(), endpoint, listener)),
            Service::Console => {
                shard.world.spawn("console listener", control(shard.clone(), endpoint, listener));
            }
        }
        shard.sockets.borrow_mut().0.push(socket);
    }
}

/// An enabled endpoint of a configuration.
struct Wanted<'a> {
    service: Service,
    endpoint: &'a Endpoint,
    mode: u32,
    backlog: u32,
    on_core: bool,
}

/// Operators who may knock at the same time.
const CONSOLE_BACKLOG: u32 = 16;

fn wanted(site: &Site, with_console: bool) -> Vec<Wanted<'_>> {
    let smtp = site.snapshot.listeners("esmtp_listener").filter_map(|(endpoint, _)| {
        let options = site.listener_options(endpoint);
        options.enable.then(|| Wanted {
            service: Service::Smtp,
            endpoint,
            mode: options.file_mode,
            backlog: u32::try_from(options.listen_backlog).unwrap_or(500),
            on_core: options.sessions_stay_on_core,
        })
    });
    let consoles = site.snapshot.listeners("control_listener").filter(|_| with_console);
    let consoles = consoles.filter_map(|(endpoint, stanza)| {
        let options = ControlOptions::resolve(&stanza);
        options.enable.then_some(Wanted {
            service: Service::Console,
            endpoint,
            mode: options.file_mode,
            backlog: CONSOLE_BACKLOG,
            on_core: false,
        })
    });
    smtp.chain(consoles).collect()
}

impl Wanted<'_> {
    fn open<W: World>(&self, world: &W) -> io::Result<W::Listener> {
        let at = match self.endpoint.socket_address() {
            Some(address) => world::Endpoint::Inet(address),
            None => world::Endpoint::Unix { path: self.endpoint.to_string().into(), mode: self.mode },
        };
        match self.on_core {
            true => world.listen_on_core(&at, self.backlog),
            false => world.listen(&at, self.backlog),
        }
    }
}

/// Sessions of each listener, counted over all shards.
#[derive(Default)]
pub(crate) struct ListenerCounts(std::sync::Mutex<HashMap<Endpoint, Arc<AtomicU32>>>);

impl ListenerCounts {
    /// Asked once for each listener and shard, when it is opened.
    fn of(&self, endpoint: &Endpoint) -> Arc<AtomicU32> {
        let mut counts = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        counts.entry(endpoint.clone()).or_default().clone()
    }
}

/// Runs until the listener is closed.
pub(crate) async fn listen<W: World>(shard: Rc<Shard<W>>, endpoint: Endpoint, listener: W::Listener) {
    let count = shard.common.listener_counts.of(&endpoint);
    loop {
        let stream = match listener.accept().await {
            Ok(stream) => stream,
            // Closed by us, at a stop or because the configuration has it no more.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => return,
            Err(error) => {
                shard.complain(&format!("listener {endpoint} has ended: {error}"));
                return;
            }
        };
        let client: Option<IpAddr> = stream.peer().map(|peer| peer.ip());
        let settings = shard.site().listener(&endpoint, client);
        shard.counters.connections.add(1);
        match shard.common.gate.enter(client, &count, settings.limits) {
            Some(pass) => {
                let session = serve(shard.clone(), stream, settings, pass);
                shard.world.spawn("session", session);
            }
            None => {
                shard.counters.connections_refused.add(1);
                shard.world.spawn("refusal", refuse(shard.clone(), stream, settings));
            }
        }
        shard.world.breathe().await;
    }
}

async fn refuse<W: World>(shard: Rc<Shard<W>>, mut stream: W::Stream, settings: Rc<ListenerSettings>) {
    let connection = shard.next_id();
    let contexts = Contexts { connection: settings.context.clone(), ..Contexts::default() };
    shard.record(&Event::Rejection(Rejection {
        remote: stream.peer(),
        local: stream.local(),
        connection,
        pathway: settings.context.get("pathway").unwrap_or("default"),
        pathway_group: &settings.pathway_group,
        place: SessionState::ConcurrencyLimit.text(),
        module: "",
        contexts: &contexts,
        reply: &CONCURRENCY_LIMIT,
    }));
    if settings.site.pipeline.has_hook(HookKind::LogRejection) {
        let what = What::Rejection { state: SessionState::ConcurrencyLimit, reply: CONCURRENCY_LIMIT };
        let client = Client::new(connection, stream.peer(), stream.local());
        shard.tell(&settings.site, None, Occasion::of_session(&client, &contexts, what));
    }
    let mut reply = Vec::new();
    let offered = settings.session.extensions.iter().any(|name| name == "ENHANCEDSTATUSCODES");
    CONCURRENCY_LIMIT.write_to(&mut reply, offered);
    // Whether it arrives or not, the connection ends here.
    let deadline = shard.world.now() + REFUSAL_TIME;
    let _ = stream.write(vec![Bytes::from(reply)], deadline).await;
}
