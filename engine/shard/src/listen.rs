//! Accepts connections; over a limit it answers 421 and closes.

use crate::Shard;
use crate::options::ControlOptions;
use crate::serve::serve;
use crate::settings::{ListenerSettings, Site};
use bytes::Bytes;
use config::Endpoint;
use logs::{Event, Rejection};
use mail::{Contexts, SessionState};
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

/// One shard's listening sockets.
pub(crate) struct Sockets<W: World> {
    pub smtp: Vec<(Endpoint, W::Listener)>,
    pub console: Vec<W::Listener>,
}

impl<W: World> Sockets<W> {
    /// Opens every enabled endpoint of the configuration; the console is one shard's.
    pub fn open(world: &W, site: &Site, with_console: bool) -> Result<Self, (Endpoint, io::Error)> {
        let mut sockets = Sockets { smtp: Vec::new(), console: Vec::new() };
        for (endpoint, _) in site.snapshot.listeners("esmtp_listener") {
            let options = site.listener_options(endpoint);
            if options.enable {
                let backlog = u32::try_from(options.listen_backlog).unwrap_or(500);
                let on_core = options.sessions_stay_on_core;
                let listener = open(world, endpoint, options.file_mode, backlog, on_core)?;
                sockets.smtp.push((endpoint.clone(), listener));
            }
        }
        let consoles = site.snapshot.listeners("control_listener").filter(|_| with_console);
        for (endpoint, stanza) in consoles {
            let options = ControlOptions::resolve(&stanza);
            if options.enable {
                sockets.console.push(open(world, endpoint, options.file_mode, CONSOLE_BACKLOG, false)?);
            }
        }
        Ok(sockets)
    }
}

/// Operators who may knock at the same time.
const CONSOLE_BACKLOG: u32 = 16;

fn open<W: World>(
    world: &W,
    endpoint: &Endpoint,
    mode: u32,
    backlog: u32,
    on_core: bool,
) -> Result<W::Listener, (Endpoint, io::Error)> {
    let at = match endpoint.socket_address() {
        Some(address) => world::Endpoint::Inet(address),
        None => world::Endpoint::Unix { path: endpoint.to_string().into(), mode },
    };
    let listener = if on_core { world.listen_on_core(&at, backlog) } else { world.listen(&at, backlog) };
    listener.map_err(|error| (endpoint.clone(), error))
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
            Err(_) if shard.is_stopping() => return,
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
    shard.record(&Event::Rejection(Rejection {
        remote: stream.peer(),
        local: stream.local(),
        connection: shard.next_id(),
        pathway: settings.context.get("pathway").unwrap_or("default"),
        pathway_group: &settings.pathway_group,
        state: SessionState::ConcurrencyLimit,
        module: "",
        contexts: &Contexts { connection: settings.context.clone(), ..Contexts::default() },
        reply: &CONCURRENCY_LIMIT,
    }));
    let mut reply = Vec::new();
    let offered = settings.session.extensions.iter().any(|name| name == "ENHANCEDSTATUSCODES");
    CONCURRENCY_LIMIT.write_to(&mut reply, offered);
    // Whether it arrives or not, the connection ends here.
    let deadline = shard.world.now() + REFUSAL_TIME;
    let _ = stream.write(vec![Bytes::from(reply)], deadline).await;
}
