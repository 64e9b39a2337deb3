//! One engine of one shard, one client that speaks a script, and one host that takes all mail.

use crate::scripted;
use bytes::Bytes;
use config::MemoryLoader;
use dns::Resolv;
use dns::zone::{Carrier, Zone};
use mail::Time;
use policy_api::ModuleDef;
use shard::rehearsal::{Script, Transcript, rehearse};
use shard::{Common, Event, Order};
use sim::{Dice, SimWorld, Universe};
use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::{Dial, Endpoint, Listener, Net, Stream, World};

const ENGINE: [u8; 4] = [192, 0, 2, 1];
const SINK: [u8; 4] = [10, 1, 0, 1];
const CLIENT: [u8; 4] = [198, 51, 100, 7];
static MODULES: [&ModuleDef; 1] = [&scripted::MODULE];
const POLLS: u64 = 400_000;

/// A transaction as the next host saw it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Delivered {
    /// As whom we have authenticated, if we did.
    pub user: String,
    pub sender: String,
    /// Local parts, in order of their names.
    pub recipients: Vec<String>,
    pub content: String,
}

/// What came of a conversation.
#[derive(Debug, Default)]
pub struct Outcome {
    /// Text and time of each reply, the greeting first; the last is empty if the connection was closed.
    pub replies: Vec<(String, Duration)>,
    pub delivered: Vec<Delivered>,
    pub mainlog: String,
    pub rejectlog: String,
    pub paniclog: String,
}

impl Outcome {
    /// The codes of the replies.
    pub fn codes(&self) -> Vec<u16> {
        self.replies.iter().map(|(text, _)| text.get(..3).map_or(0, |code| code.parse().unwrap())).collect()
    }

    pub fn last(&self) -> &str {
        &self.replies.last().unwrap().0
    }

    /// All recipients that got something, in order.
    pub fn reached(&self) -> Vec<String> {
        let mut all: Vec<String> = self.delivered.iter().flat_map(|one| one.recipients.clone()).collect();
        all.sort();
        all
    }

    /// Every copy that was received has ended.
    pub fn assert_closed(&self) {
        let lines = |kind: &str| self.mainlog.lines().filter(|line| line.contains(kind)).count();
        assert_eq!(lines("@R@"), lines("@D@") + lines("@P@"), "{}", self.mainlog);
    }
}

pub fn configuration(stanzas: &str) -> String {
    format!(
        "hostname = \"mx.sim.example\"\nspoolbase = \"/spool\"\nspool_segment_size = 1048576\n\
         ec_logger {{ mainlog = \"/log/main\" rejectlog = \"/log/reject\" paniclog = \"/log/panic\" }}\n\
         esmtp_listener {{ open_relay = true listen \"192.0.2.1:25\" {{ }} }}\n{stanzas}\n"
    )
}

/// Commands with `n` recipients r1 … rn; the message has a Subject and a body.
pub fn transaction(recipients: usize) -> Vec<String> {
    let recipient = |number| format!("RCPT TO:<r{number}@[10.1.0.1]>\r\n");
    let mut commands = vec!["EHLO c.example\r\n".to_owned(), "MAIL FROM:<s@[10.1.0.1]>\r\n".to_owned()];
    commands.extend((1..=recipients).map(recipient));
    commands.extend(["DATA\r\n".to_owned(), "Subject: x\r\n\r\nbody\r\n.\r\n".to_owned()]);
    commands
}

fn common_of(stanzas: &str) -> Arc<Common> {
    let text = configuration(stanzas);
    let loader = MemoryLoader::default().with("/etc/ecelerity.conf", text.clone());
    let registry = shard::registry_with(&MODULES);
    let loaded = config::load("/etc/ecelerity.conf", &loader, &registry, &[]);
    let (snapshot, _) = loaded.unwrap_or_else(|complaints| panic!("{complaints:?}\n{text}"));
    let servers = Resolv { servers: [([10, 53, 0, 1], 53).into()].into(), ..Resolv::default() };
    Common::with_modules(&MODULES, Arc::new(snapshot), 1, "mx.sim.example", servers, 1000, [1, 2])
}

/// Plays the commands against an engine with these stanzas until everything is quiet.
pub fn play(stanzas: &str, commands: Vec<String>) -> Outcome {
    let universe = Universe::new(7);
    answer_names(&universe);
    let common = common_of(stanzas);
    let engine = universe.process();
    let world = universe.world(engine, ENGINE.into());
    let (ready, exchange) = (Rc::new(RefCell::new(false)), common.clone());
    let told = ready.clone();
    let tell = move |event: Event| match event {
        Event::Bound => drop(exchange.exchange.order(|| Order::Proceed)),
        Event::Ready { .. } => *told.borrow_mut() = true,
        Event::Failed { what, error } => panic!("{what}: {error}"),
        Event::Ended { .. } => {}
    };
    world.clone().spawn("shard", shard::start(world, 0, common.clone(), tell));
    assert!(universe.run_until(Time::NEVER, POLLS, || *ready.borrow()));
    let outside = universe.process();
    let delivered: Rc<RefCell<Vec<Delivered>>> = Rc::default();
    let sink = universe.world(outside, SINK.into());
    sink.clone().spawn("sink", serve_sink(sink, delivered.clone()));
    let replies = Rc::new(RefCell::new(None));
    let client = universe.world(outside, CLIENT.into());
    client.clone().spawn("client", speak(client, commands, replies.clone()));
    assert!(universe.run_until(Time::NEVER, POLLS, || replies.borrow().is_some()), "the client waits");
    universe.rest(Duration::from_secs(20), POLLS);
    common.exchange.order(|| Order::Stop);
    universe.rest(Duration::from_secs(60), POLLS);
    assert_eq!(universe.take_panics(), Vec::<String>::new());
    let mut delivered = delivered.take();
    delivered.sort_by(|one, other| one.recipients.cmp(&other.recipients));
    let log = |file: &str| universe.log(Path::new(file));
    Outcome {
        replies: replies.take().unwrap(),
        delivered,
        mainlog: log("/log/main"),
        rejectlog: log("/log/reject"),
        paniclog: log("/log/panic"),
    }
}

/// Plays a script against these stanzas without sockets and journal.
pub fn rehearsed(stanzas: &str, script: Script) -> Transcript {
    let universe = Universe::new(7);
    answer_names(&universe);
    let world = universe.world(universe.process(), ENGINE.into());
    let told: Rc<RefCell<Option<Transcript>>> = Rc::default();
    let (end, common) = (told.clone(), common_of(stanzas));
    world.clone().spawn("rehearsal", async move {
        end.replace(Some(rehearse(world, common, script).await.expect("a script that can be played")));
    });
    assert!(universe.run_until(Time::NEVER, POLLS, || told.borrow().is_some()), "the rehearsal waits");
    assert_eq!(universe.take_panics(), Vec::<String>::new());
    told.take().unwrap()
}

/// Two name servers: one that the engine is told of, and another.
fn answer_names(universe: &Universe) {
    for (host, zone) in [
        (
            [10, 53, 0, 1],
            "host.alpha.example 60 A 10.9.8.7\nwww.alpha.example 60 CNAME host.alpha.example\n\
             alpha.example 60 NS ns.alpha.example\n",
        ),
        ([10, 53, 0, 2], "here.example 60 TXT \"here\"\n"),
    ] {
        let zone = Zone::parse(zone).unwrap();
        let responder = move |packet: &[u8], _: &Dice| {
            let answer = zone.answer(packet, Carrier::Datagram);
            answer.map(|answer| (Duration::from_millis(1), answer)).into_iter().collect()
        };
        universe.net().respond((host, 53).into(), Rc::new(responder));
    }
}

/// Instead of a command: the client hangs up.
pub const LEAVE: &str = "leave";
/// As well, half a second after the command before, without its reply.
pub const LEAVE_UNHEARD: &str = "leave unheard";

type Replies = Rc<RefCell<Option<Vec<(String, Duration)>>>>;

async fn speak(world: SimWorld, commands: Vec<String>, replies: Replies) {
    let deadline = world.now() + Duration::from_secs(3600);
    let dial = Dial { to: (ENGINE, 25).into(), from: None, deadline };
    let mut stream = world.dial(dial).await.expect("the engine listens");
    let mut heard = Vec::new();
    let mut input = Vec::new();
    let mut commands = commands.into_iter();
    let mut since = world.now();
    while let Some(reply) = read_reply(&mut stream, &mut input, deadline).await {
        heard.push((reply, world.now().since(since)));
        let Some(command) = commands.next() else { break };
        if command == LEAVE {
            break;
        }
        since = world.now();
        if stream.write(vec![Bytes::from(command)], deadline).await.is_err() {
            break;
        }
        if commands.as_slice().first().is_some_and(|next| next == LEAVE_UNHEARD) {
            world.sleep_until(world.now() + Duration::from_millis(500)).await;
            break;
        }
    }
    if commands.len() > 0 {
        heard.push((String::new(), Duration::ZERO));
    }
    replies.replace(Some(heard));
}

/// All lines of one reply, joined; none if the stream ends.
async fn read_reply(stream: &mut impl Stream, input: &mut Vec<u8>, deadline: Time) -> Option<String> {
    let mut lines = Vec::new();
    loop {
        while let Some(end) = input.windows(2).position(|pair| pair == b"\r\n") {
            let line = String::from_utf8(input.drain(..end + 2).collect()).unwrap();
            let is_last = line.as_bytes()[3] == b' ';
            lines.push(line.trim_end().to_owned());
            if is_last {
                return Some(lines.join(" | "));
            }
        }
        match stream.read(deadline).await {
            Ok(bytes) if !bytes.is_empty() => input.extend_from_slice(&bytes),
            _ => return None,
        }
    }
}

/// Users of the sink, all with the password pencil, as PLAIN gives them.
const USERS: [(&str, &str); 2] = [("tim", "AHRpbQBwZW5jaWw="), ("ann", "AGFubgBwZW5jaWw=")];

async fn serve_sink(world: SimWorld, delivered: Rc<RefCell<Vec<Delivered>>>) {
    let at = Endpoint::Inet((SINK, 25).into());
    let listener = world.listen(&at, 10).unwrap();
    while let Ok(stream) = listener.accept().await {
        world.spawn("sink session", take_mail(world.clone(), stream, delivered.clone()));
    }
}

async fn take_mail<S: Stream>(world: SimWorld, mut stream: S, delivered: Rc<RefCell<Vec<Delivered>>>) {
    let deadline = world.now() + Duration::from_secs(3600);
    let (mut input, mut one, mut in_data) = (Vec::new(), Delivered::default(), false);
    let mut reply = "220 sink".to_owned();
    loop {
        if !reply.is_empty() && stream.write(vec![format!("{reply}\r\n").into()], deadline).await.is_err() {
            return;
        }
        let mark: &[u8] = if in_data { b"\r\n.\r\n" } else { b"\r\n" };
        let Some(end) = input.windows(mark.len()).position(|window| window == mark) else {
            reply = String::new();
            match stream.read(deadline).await {
                Ok(bytes) if !bytes.is_empty() => input.extend_from_slice(&bytes),
                _ => return,
            }
            continue;
        };
        let text = String::from_utf8(input.drain(..end + mark.len()).collect()).unwrap();
        reply = "250 fine".into();
        if in_data {
            one.content = text;
            one.recipients.sort();
            let next = Delivered { user: one.user.clone(), ..Delivered::default() };
            delivered.borrow_mut().push(std::mem::replace(&mut one, next));
            in_data = false;
        } else if text.starts_with("EHLO") {
            reply = "250-sink\r\n250 AUTH PLAIN LOGIN".into();
        } else if let Some(proof) = text.strip_prefix("AUTH PLAIN ") {
            let known = USERS.into_iter().find(|(_, known)| *known == proof.trim_end());
            one.user = known.map_or(String::new(), |(user, _)| user.to_owned());
            reply = if known.is_some() { "235 welcome".into() } else { "535 5.7.8 no".into() };
        } else if let Some(path) = text.strip_prefix("MAIL FROM:<") {
            one.sender = path.split(['@', '>']).next().unwrap().to_owned();
        } else if let Some(path) = text.strip_prefix("RCPT TO:<") {
            match path.split('@').next().unwrap() {
                "nobody" => reply = "550 5.1.1 no such user".into(),
                "later" => reply = "451 4.2.0 not now".into(),
                name => one.recipients.push(name.to_owned()),
            }
        } else if text.starts_with("DATA") {
            in_data = true;
            reply = "354 go".into();
        }
    }
}
