//! Does what the session wants and tells it what happened; judges and stores as the transcript says.

use super::script::{Split, Step};
use bytes::Bytes;
use mail::{MessageId, Phase, Reply, Time};
use smtp::sasl::{Exchange, Secret, Turn};
use smtp::server::{Amendment, Draft, Facts, Judgement, Session, Settings, Want};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

pub struct Driver {
    session: Session,
    settings: Rc<Settings>,
    now: Time,
    split: Split,
    /// Sent by the client, not yet read.
    unread: VecDeque<u8>,
    ended: bool,
    written: Vec<u8>,
    judgements: VecDeque<(Phase, Judgement)>,
    exchange: Option<Exchange>,
    commits: VecDeque<Reply>,
    stored: Option<(Draft, Bytes)>,
    random: u64,
}

impl Driver {
    pub fn new(settings: Settings, split: Split) -> Self {
        let now = Time::from_secs(1_356_769_421);
        let peer = Some("192.0.2.7:40000".parse().unwrap());
        let local = Some("192.0.2.1:25".parse().unwrap());
        let facts = Facts { peer, local, connection: MessageId::NONE };
        let settings = Rc::new(settings);
        Driver {
            session: Session::new(settings.clone(), facts, now),
            settings,
            now,
            split,
            unread: VecDeque::new(),
            ended: false,
            written: Vec::new(),
            judgements: VecDeque::new(),
            exchange: None,
            commits: VecDeque::new(),
            stored: None,
            random: if let Split::Random(seed) = split {
                seed.wrapping_mul(0x9E37_79B9_7F4A_7C15)
            } else {
                0
            },
        }
    }

    pub fn step(&mut self, step: &Step) -> Result<(), String> {
        match step {
            Step::Send(octets) => self.unread.extend(octets),
            Step::Expect(expected) => {
                self.run();
                return self.compare(expected);
            }
            Step::Body(expected) => {
                self.run();
                let body = self.stored.as_ref().map(|(_, body)| body.as_ref()).ok_or("nothing was stored")?;
                return same("stored", body, expected);
            }
            Step::Envelope(expected) => {
                return same("envelope", self.envelope()?.as_bytes(), expected.as_bytes());
            }
            Step::Header(expected) => {
                let (draft, _) = self.stored.as_ref().ok_or("nothing was stored")?;
                let facts = &draft.facts;
                let got = format!(
                    "received={} date={} from={} message_id={} body_start={} eight_bit={}",
                    facts.received,
                    facts.date,
                    facts.from,
                    facts.message_id,
                    facts.body_start,
                    draft.eight_bit
                );
                return same("header", got.as_bytes(), expected.as_bytes());
            }
            Step::Judge(phase, judgement) => self.judgements.push_back((*phase, judgement.clone())),
            Step::Commit(reply) => self.commits.push_back(reply.clone()),
            Step::Early(octets) => self.session.read(octets, self.now),
            Step::Time(seconds) => self.pass(*seconds),
            Step::Stop => {
                self.run();
                self.session.stop(self.now);
            }
            Step::Reconfigured => self.session.reconfigured(self.now),
            Step::End => {
                self.run();
                self.ended = true;
            }
            Step::Lost => {
                self.run();
                self.session.lost();
            }
            Step::Add(keyword) => self.session.add_extension(keyword),
            Step::Remove(keyword) => self.session.remove_extension(keyword),
            Step::Idle => {
                self.run();
                let held = size_of::<Session>() + self.session.held_bytes();
                if held >= 1024 {
                    return Err(format!("an idle session holds {held} octets"));
                }
            }
            Step::Closed => {
                self.run();
                if self.session.want() != Want::Close {
                    return Err(format!("not closed, but wants {:?}", self.session.want()));
                }
            }
            Step::State(expected) => {
                self.run();
                return same("state", self.session.state().text().as_bytes(), expected.as_bytes());
            }
        }
        Ok(())
    }

    pub fn end(&mut self) -> Result<(), String> {
        self.run();
        self.compare(b"")?;
        if let Some((phase, _)) = self.judgements.front() {
            return Err(format!("a judgement was not asked for: {}", phase.name()));
        }
        if self.commits.is_empty() { Ok(()) } else { Err("a commit was not asked for".into()) }
    }

    fn run(&mut self) {
        loop {
            let want = self.session.want();
            assert_eq!(want, self.session.want(), "a want is a pure function");
            match want {
                Want::Write { .. } => {
                    self.session.take_output().iter().for_each(|bytes| self.written.extend_from_slice(bytes));
                    self.session.wrote(self.now);
                }
                Want::Judge(phase) => {
                    let foreseen = self.judgements.front().is_some_and(|(awaited, _)| *awaited == phase);
                    let judgement = if foreseen { self.judgements.pop_front() } else { None };
                    self.session
                        .judged(judgement.map(|(_, judgement)| judgement).unwrap_or_default(), self.now);
                }
                Want::Authenticate => self.authenticate(),
                Want::Amend => self.amend(),
                Want::Commit => {
                    let mut draft = self.session.take_draft();
                    let body = std::mem::take(&mut draft.body).freeze();
                    self.stored = Some((draft, body));
                    let stored = Reply::fixed(250, (2, 0, 0), "OK stored");
                    self.session.committed(self.commits.pop_front().unwrap_or(stored), self.now);
                }
                Want::Read { .. } if !self.unread.is_empty() => {
                    let length = self.piece();
                    let piece: Vec<u8> = self.unread.drain(..length).collect();
                    self.session.read(&piece, self.now);
                }
                Want::Read { .. } if self.ended => self.session.ended(self.now),
                Want::Read { .. } | Want::Pause { .. } | Want::Close => return,
            }
        }
    }

    /// Everything is believed; the settings stay.
    fn amend(&mut self) {
        let ok = Reply::fixed(250, (2, 0, 0), "OK");
        match self.session.amendment().clone() {
            Amendment::Client(introduction) => {
                let peer = introduction.address.map(|ip| SocketAddr::new(ip, introduction.port.unwrap_or(0)));
                let peer = peer.or(self.session.facts().peer);
                self.session.reintroduced(self.settings.clone(), peer, &introduction, self.now);
            }
            Amendment::RemoteIp(ip) => {
                self.session.readdressed(SocketAddr::new(ip, 1));
                self.session.amended(&ok, self.now);
            }
            Amendment::SetContext(pairs) => {
                let pairs: Vec<String> =
                    pairs.iter().map(|(key, value)| format!("{key} is {value}")).collect();
                self.session.amended(&Reply::verbatim(250, pairs.join(", ")), self.now);
            }
            Amendment::DumpContext => {
                self.session.amended(&Reply::verbatim(250, "XDUMPCONTEXT complete"), self.now);
            }
        }
    }

    /// There is one user: tim, with the password of RFC 2195.
    fn authenticate(&mut self) {
        let (mechanism, response, is_first) = self.session.sasl();
        if is_first {
            self.exchange = Some(Exchange::new(mechanism, "mx.example", "1896.697170952"));
        }
        let exchange = self.exchange.as_mut().expect("an exchange has begun");
        const PASSWORD: &str = "tanstaaftanstaaf";
        let turn = match exchange.told(response) {
            Turn::Check { user, password } => exchange.checked(user == "tim" && password == PASSWORD),
            Turn::Find { user } => {
                exchange.found((user == "tim").then(|| Secret::Password(PASSWORD.to_owned())))
            }
            turn => turn,
        };
        let user = match turn {
            Turn::Challenge(text) => return self.session.challenge(&text, self.now),
            Turn::Done { user } => Some(user),
            _ => None,
        };
        let foreseen = self.judgements.front().is_some_and(|(awaited, _)| *awaited == Phase::Auth);
        let judgement = if foreseen { self.judgements.pop_front() } else { None };
        let judgement = judgement.map(|(_, judgement)| judgement).unwrap_or_default();
        self.session.authenticated(user.as_deref(), judgement, self.now);
    }

    /// How many octets the next read brings.
    fn piece(&mut self) -> usize {
        let most = self.unread.len();
        match self.split {
            Split::Whole => most,
            Split::Bytes => 1,
            Split::Random(_) => {
                self.random ^= self.random << 13;
                self.random ^= self.random >> 7;
                self.random ^= self.random << 17;
                // Short pieces and long ones.
                let longest = if self.random & 1 == 0 { 4 } else { 200 };
                (1 + (self.random >> 8) as usize % longest).min(most)
            }
        }
    }

    /// The clock goes on; what is due by then happens in its time.
    fn pass(&mut self, seconds: u64) {
        self.run();
        let end = self.now + Duration::from_secs(seconds);
        loop {
            match self.session.want() {
                Want::Read { deadline } if deadline <= end => {
                    self.now = deadline;
                    self.session.timed_out(self.now);
                }
                Want::Pause { until } if until <= end => {
                    self.now = until;
                    self.session.paused(self.now);
                }
                _ => break,
            }
            self.run();
        }
        self.now = end;
    }

    fn envelope(&mut self) -> Result<String, String> {
        self.run();
        let (draft, _) = self.stored.as_ref().ok_or("nothing was stored")?;
        let sender = draft.sender.as_ref().map_or(String::new(), ToString::to_string);
        let recipients = draft.recipients.iter().map(|recipient| format!(" <{recipient}>"));
        Ok(format!("<{sender}>{}", recipients.collect::<String>()))
    }

    fn compare(&mut self, expected: &[u8]) -> Result<(), String> {
        let written = std::mem::take(&mut self.written);
        same("written", &written, expected)
    }
}

fn same(what: &str, got: &[u8], expected: &[u8]) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}\n  {}\nexpected\n  {}", got.escape_ascii(), expected.escape_ascii()))
}
