//! A few commands to another mail server, to hear what it says (RFC 5321); no message is ever sent.
//!
//! The law: one deadline holds for all of it, what the other side says has a bound, and no text of a stranger
//! becomes a second command.

use bytes::BytesMut;
use mail::{Reply, Time};
use policy_api::{
    Connection, Endpoint, Host, Later, LookupFault, Probe, ProbeFault, ProbeServer, ProbeStage, Probed,
    Question, RecipientProbe, Record, RecordKind,
};
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// Octets and lines of one reply.
const REPLY: usize = 64 * 1024;
const LINES: usize = 100;
/// Addresses that are tried, and hosts of a domain that are looked up.
const ADDRESSES: usize = 4;
const EXCHANGERS: usize = 4;
/// A QUIT that is not taken at once is none of our business.
const FAREWELL: Duration = Duration::from_secs(1);

pub(crate) struct Dialogue {
    host: Rc<dyn Host>,
    connection: Box<dyn Connection>,
    received: BytesMut,
    deadline: Time,
    /// The lines of its answer to EHLO, in upper case.
    offers: Vec<String>,
}

/// Why there is no dialogue.
#[derive(Debug)]
pub(crate) enum NoDialogue {
    Broken(io::Error),
    Refused(Reply),
}

impl From<io::Error> for NoDialogue {
    fn from(error: io::Error) -> Self {
        NoDialogue::Broken(error)
    }
}

impl Dialogue {
    /// Connects, hears the greeting, and says EHLO; HELO to those who know no better.
    pub async fn begin(
        host: &Rc<dyn Host>,
        to: SocketAddr,
        deadline: Time,
        name: &str,
    ) -> Result<Dialogue, NoDialogue> {
        let connection = host.dial(Endpoint::Inet(to), deadline.since(host.now())).await?;
        let (host, received) = (host.clone(), BytesMut::new());
        let mut dialogue = Dialogue { host, connection, received, deadline, offers: Vec::new() };
        let greeting = dialogue.reply().await?;
        if !greeting.is_success() {
            return Err(NoDialogue::Refused(greeting));
        }
        let mut answer = dialogue.command(&format!("EHLO {name}")).await?;
        if answer.is_permanent() {
            answer = dialogue.command(&format!("HELO {name}")).await?;
        }
        if !answer.is_success() {
            return Err(NoDialogue::Refused(answer));
        }
        dialogue.offers = answer.text.lines().skip(1).map(str::to_ascii_uppercase).collect();
        Ok(dialogue)
    }

    /// The words behind a keyword of its answer to EHLO. `AUTH=` is how old servers write `AUTH`.
    pub fn offer(&self, keyword: &str) -> Option<Vec<&str>> {
        self.offers.iter().find_map(|line| {
            let mut words = line.split([' ', '=']);
            (words.next() == Some(keyword)).then(|| words.filter(|word| !word.is_empty()).collect())
        })
    }

    pub async fn command(&mut self, line: &str) -> io::Result<Reply> {
        if line.contains(['\r', '\n', '\0']) {
            return Err(io::Error::new(ErrorKind::InvalidInput, "a command is one line"));
        }
        self.connection.write(format!("{line}\r\n").into(), self.left()).await?;
        self.reply().await
    }

    pub async fn end(mut self) {
        // It may be gone already.
        let _ = self.connection.write("QUIT\r\n".into(), FAREWELL.min(self.left())).await;
    }

    fn left(&self) -> Duration {
        self.deadline.since(self.host.now())
    }

    async fn reply(&mut self) -> io::Result<Reply> {
        let wrong = |text: &str| io::Error::new(ErrorKind::InvalidData, text.to_owned());
        let mut text = String::new();
        for _ in 0..LINES {
            let line = self.line().await?;
            let code = line.get(..3).filter(|code| code.bytes().all(|octet| octet.is_ascii_digit()));
            let code: Option<u16> = code.and_then(|code| code.parse().ok());
            let code =
                code.filter(|code| (200..600).contains(code)).ok_or_else(|| wrong("no reply of SMTP"))?;
            text.push_str(line.get(4..).unwrap_or(""));
            match line.as_bytes().get(3) {
                None | Some(b' ') => return Ok(Reply::verbatim(code, text)),
                Some(b'-') => text.push('\n'),
                Some(_) => return Err(wrong("no reply of SMTP")),
            }
        }
        Err(wrong("a reply without end"))
    }

    async fn line(&mut self) -> io::Result<String> {
        loop {
            if let Some(at) = memchr::memchr(b'\n', &self.received) {
                let line = self.received.split_to(at + 1);
                return Ok(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
            }
            if self.received.len() > REPLY {
                return Err(io::Error::new(ErrorKind::InvalidData, "a reply without end"));
            }
            let bytes = self.connection.read(self.left()).await?;
            if bytes.is_empty() {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.received.extend_from_slice(&bytes);
        }
    }
}

/// The addresses of a name or an address.
pub(crate) async fn addresses_of(host: &Rc<dyn Host>, name: &str) -> Result<Vec<IpAddr>, LookupFault> {
    if let Ok(address) = name.trim_matches(['[', ']']).parse() {
        return Ok(vec![address]);
    }
    if name.eq_ignore_ascii_case("localhost") {
        return Ok(vec![Ipv4Addr::LOCALHOST.into()]);
    }
    let mut fault = LookupFault::NoData;
    for kind in [RecordKind::A, RecordKind::Aaaa] {
        match host.lookup(Question::new(name, kind)).await {
            Ok(answers) => {
                let addresses = answers.records.iter().filter_map(|record| match record {
                    Record::A(address) => Some(IpAddr::V4(*address)),
                    Record::Aaaa(address) => Some(IpAddr::V6(*address)),
                    _ => None,
                });
                return Ok(addresses.take(ADDRESSES).collect());
            }
            Err(found) if found.is_transient() => return Err(found),
            Err(found) => fault = found,
        }
    }
    Err(fault)
}

/// That a name cannot be found, for now or at all.
fn fault(name: &str, fault: LookupFault) -> ProbeFault {
    let text = format!("{name}: {fault}");
    if fault.is_transient() { ProbeFault::Unreachable(text) } else { ProbeFault::Nobody(text) }
}

/// The addresses of the hosts that take the mail of a domain, the best first (RFC 5321 §5.1, RFC 7505).
async fn exchangers_of(host: &Rc<dyn Host>, domain: &str) -> Result<Vec<IpAddr>, ProbeFault> {
    let mut named = match host.lookup(Question::new(domain, RecordKind::Mx)).await {
        Ok(answers) => answers.records,
        Err(LookupFault::NoData) => Vec::new(),
        Err(found) => return Err(fault(domain, found)),
    };
    named.sort_by_key(|record| match record {
        Record::Mx { preference, .. } => *preference,
        _ => u16::MAX,
    });
    let hosts = named.into_iter().filter_map(|record| match record {
        Record::Mx { exchange, .. } => Some(exchange),
        _ => None,
    });
    let mut hosts: Vec<String> = hosts.take(EXCHANGERS).collect();
    if hosts.is_empty() {
        hosts.push(domain.to_owned());
    }
    if matches!(&hosts[..], [nobody] if nobody.is_empty() || nobody == ".") {
        return Err(ProbeFault::Nobody(format!("{domain} takes no mail")));
    }
    let (mut addresses, mut problem) = (Vec::new(), None);
    for name in hosts {
        match addresses_of(host, &name).await {
            Ok(found) => addresses.extend(found),
            Err(found) if problem.is_none() || found.is_transient() => problem = Some(fault(&name, found)),
            Err(_) => {}
        }
    }
    addresses.truncate(ADDRESSES);
    match problem {
        Some(problem) if addresses.is_empty() => Err(problem),
        _ => Ok(addresses),
    }
}

/// Plays `RecipientProbe` under our name.
pub(crate) struct Prober {
    pub hostname: Rc<str>,
}

impl RecipientProbe for Prober {
    fn ask(&self, probe: Probe, host: &Rc<dyn Host>) -> Later<Result<Probed, ProbeFault>> {
        let (name, host) = (self.hostname.clone(), host.clone());
        Box::pin(async move { ask(&host, &name, &probe).await })
    }
}

/// `remote_smtp_port`, for the hosts of a domain.
fn delivery_port(host: &dyn Host) -> u16 {
    host.option(&[], "remote_smtp_port").and_then(|port| port.parse().ok()).unwrap_or(25)
}

async fn ask(host: &Rc<dyn Host>, name: &str, probe: &Probe) -> Result<Probed, ProbeFault> {
    let deadline = host.now() + probe.within;
    let (addresses, port) = match &probe.server {
        ProbeServer::Domain(domain) => (exchangers_of(host, domain).await?, delivery_port(&**host)),
        ProbeServer::Host { name, port } => {
            (addresses_of(host, name).await.map_err(|found| fault(name, found))?, *port)
        }
    };
    let mut last = Err(ProbeFault::Unreachable("no address".to_owned()));
    for address in addresses {
        let to = SocketAddr::new(address, port);
        let mut dialogue = match Dialogue::begin(host, to, deadline, name).await {
            Ok(dialogue) => dialogue,
            Err(NoDialogue::Refused(reply)) => {
                last = Ok(Probed { stage: ProbeStage::Greeting, reply });
                continue;
            }
            Err(NoDialogue::Broken(error)) => {
                last = Err(ProbeFault::Unreachable(format!("{to}: {error}")));
                continue;
            }
        };
        let said = envelope(&mut dialogue, probe).await;
        dialogue.end().await;
        return said.map_err(|error| ProbeFault::Unreachable(format!("{to}: {error}")));
    }
    last
}

async fn envelope(dialogue: &mut Dialogue, probe: &Probe) -> io::Result<Probed> {
    let reply = dialogue.command(&format!("MAIL FROM:<{}>", probe.sender)).await?;
    if !reply.is_success() {
        return Ok(Probed { stage: ProbeStage::Sender, reply });
    }
    let reply = dialogue.command(&format!("RCPT TO:<{}>", probe.recipient)).await?;
    Ok(Probed { stage: ProbeStage::Recipient, reply })
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use policy_api::testing::{FakeHost, Peer, run};
    use std::cell::RefCell;

    /// A server that says these things, one for each command, and what it hears.
    pub fn server(host: &FakeHost, at: &str, says: &[&'static str]) -> Rc<RefCell<Vec<u8>>> {
        let peer = Peer { answers: says.iter().map(|said| (*said).into()).collect(), ..Peer::default() };
        let heard = peer.heard.clone();
        host.peers.borrow_mut().insert(Endpoint::Inet(at.parse().unwrap()), peer);
        heard
    }

    fn mx(preference: u16, exchange: &str) -> Record {
        Record::Mx { preference, exchange: exchange.to_owned() }
    }

    fn asked(host: &Rc<FakeHost>, server: ProbeServer) -> Result<(ProbeStage, u16), ProbeFault> {
        let probe = Probe {
            server,
            sender: "".into(),
            recipient: "a@d.example".into(),
            within: Duration::from_secs(5),
        };
        let shared: Rc<dyn Host> = host.clone();
        let prober = Prober { hostname: "mx.here.example".into() };
        run(prober.ask(probe, &shared)).map(|probed| (probed.stage, probed.reply.code))
    }

    #[test]
    fn the_first_refusal_or_the_word_about_the_recipient_decides() {
        for (says, expected) in [
            (&["220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n"][..], (ProbeStage::Recipient, 250)),
            (
                &["220-hi\r\n220 yes\r\n", "250-x\r\n250 Y\r\n", "250 ok\r\n", "550 no\r\n"],
                (ProbeStage::Recipient, 550),
            ),
            (&["220 hi\r\n", "502 what\r\n", "250 hi\r\n", "451 no\r\n"], (ProbeStage::Sender, 451)),
            (&["554 go away\r\n"], (ProbeStage::Greeting, 554)),
            (&["220 hi\r\n", "421 no\r\n"], (ProbeStage::Greeting, 421)),
        ] {
            let host = FakeHost::new();
            server(&host, "192.0.2.9:2525", says);
            let to = ProbeServer::Host { name: "192.0.2.9".into(), port: 2525 };
            assert_eq!(asked(&host, to), Ok(expected), "{says:?}");
        }
    }

    #[test]
    fn hosts_of_a_domain_are_tried_from_the_best_and_nobody_is_a_fault() {
        let host = FakeHost::new();
        host.options.borrow_mut().insert("remote_smtp_port".into(), "2525".into());
        host.name("d.example", [mx(20, "second.example"), mx(10, "first.example"), mx(5, "gone.example")]);
        host.name("first.example", [Record::A([192, 0, 2, 1].into())]);
        host.name("second.example", [Record::A([192, 0, 2, 2].into())]);
        let domain = |name: &str| ProbeServer::Domain(name.into());
        assert!(matches!(asked(&host, domain("d.example")), Err(ProbeFault::Unreachable(_))));
        let heard =
            server(&host, "192.0.2.2:2525", &["220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n"]);
        assert_eq!(asked(&host, domain("d.example")), Ok((ProbeStage::Recipient, 250)));
        assert_eq!(
            String::from_utf8_lossy(&heard.borrow()),
            "EHLO mx.here.example\r\nMAIL FROM:<>\r\nRCPT TO:<a@d.example>\r\nQUIT\r\n"
        );
        host.name("null.example", [mx(0, "")]);
        host.fault("late.example", RecordKind::Mx, LookupFault::Timeout);
        for (name, nobody) in [("none.example", true), ("null.example", true), ("late.example", false)] {
            let fault = asked(&host, domain(name)).unwrap_err();
            assert_eq!(matches!(fault, ProbeFault::Nobody(_)), nobody, "{name}: {fault}");
        }
    }

    #[test]
    fn a_server_that_makes_no_sense_or_no_end_is_left() {
        let endless: &'static str = "220-x\r\n".repeat(200).leak();
        let long: &'static str = "2".repeat(REPLY * 2).leak();
        for says in
            [&["hello\r\n"][..], &["220 hi\r\n", ""], &[endless], &[long], &["2200\r\n"], &["999 x\r\n"]]
        {
            let host = FakeHost::new();
            server(&host, "127.0.0.1:25", says);
            let to = ProbeServer::Host { name: "localhost".into(), port: 25 };
            assert!(matches!(asked(&host, to), Err(ProbeFault::Unreachable(_))), "{says:?}");
        }
    }

    #[test]
    fn an_address_never_becomes_a_second_command() {
        let host = FakeHost::new();
        let heard = server(&host, "127.0.0.1:25", &["220 hi\r\n", "250 hi\r\n", "250 ok\r\n", "250 ok\r\n"]);
        let probe = Probe {
            server: ProbeServer::Host { name: "127.0.0.1".into(), port: 25 },
            sender: "a@b>\r\nDATA".into(),
            recipient: "c@d".into(),
            within: Duration::from_secs(5),
        };
        let shared: Rc<dyn Host> = host.clone();
        let asked = run(Prober { hostname: "h.example".into() }.ask(probe, &shared));
        assert!(asked.is_err());
        assert_eq!(String::from_utf8_lossy(&heard.borrow()), "EHLO h.example\r\nQUIT\r\n");
    }
}
