//! Peers that mail is delivered to: they take, defer and refuse recipients, and close wherever it hurts.

use crate::story::ledger::{Arrival, Ledger};
use crate::story::lines::{Gone, Lines};
use crate::story::plan::{Plan, SENDERS};
use crate::{Dice, SimStream, SimWorld};
use mail::Time;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use world::{Endpoint, Listener, Net, World};

const PATIENCE: Duration = Duration::from_secs(300);
/// Longer than any patience of the engine.
const SLEEP: Duration = Duration::from_secs(70);

#[derive(Clone)]
pub struct Peer {
    pub world: SimWorld,
    pub ledger: Rc<RefCell<Ledger>>,
    pub dice: Rc<Dice>,
    /// Something goes wrong once in so many chances; zero once all is calm.
    pub trouble: Rc<Cell<u64>>,
}

/// What a chance of trouble brings.
enum Trouble {
    None,
    Close,
    Sleep,
    Defer,
}

impl Peer {
    pub fn listen(&self, at: SocketAddr) {
        let peer = self.clone();
        let listener = self.world.listen(&Endpoint::Inet(at), 10);
        let listener = listener.unwrap_or_else(|error| panic!("{at} is free: {error}"));
        self.world.spawn("peer", async move {
            while let Ok(stream) = listener.accept().await {
                let session = peer.clone();
                // A connection that ended early has done its harm.
                peer.world.spawn("peer session", async move { drop(session.serve(stream).await) });
            }
        });
    }

    fn deadline(&self) -> Time {
        self.world.now() + PATIENCE
    }

    fn trouble(&self) -> Trouble {
        if !self.dice.one_in(self.trouble.get()) {
            return Trouble::None;
        }
        match self.dice.below(6) {
            0 | 1 => Trouble::Close,
            2 => Trouble::Sleep,
            _ => Trouble::Defer,
        }
    }

    /// Answers, unless there is trouble; a deferral takes the place of the answer. True if it was given.
    async fn answer(&self, lines: &mut Lines, good: &str, deferral: &str) -> Result<bool, Gone> {
        let trouble = self.trouble();
        match trouble {
            Trouble::Close => return Err(Gone),
            Trouble::Sleep => self.world.sleep_until(self.world.now() + SLEEP).await,
            Trouble::None | Trouble::Defer => {}
        }
        let deferred = matches!(trouble, Trouble::Defer);
        let text = if deferred { deferral } else { good };
        lines.send(format!("{text}\r\n"), self.deadline()).await?;
        Ok(!deferred)
    }

    async fn serve(&self, stream: SimStream) -> Result<(), Gone> {
        let mut lines = Lines::new(stream);
        if !self.answer(&mut lines, "220 peer.example ESMTP", "421 not now").await? {
            return Ok(());
        }
        let mut begun = false;
        let mut recipients: Vec<String> = Vec::new();
        let mut unconfirmed: Vec<Arrival> = Vec::new();
        loop {
            let line = lines.line(self.deadline()).await?;
            // Whoever goes on has read the reply to what was before.
            self.ledger.borrow_mut().confirmed(&std::mem::take(&mut unconfirmed));
            let verb = line.get(..4).unwrap_or_default().to_ascii_uppercase();
            match &*verb {
                "EHLO" => {
                    let pipelining = if self.dice.one_in(2) { "250-PIPELINING\r\n" } else { "" };
                    let good = format!("250-peer.example\r\n{pipelining}250 8BITMIME");
                    self.answer(&mut lines, &good, "421 go away").await?;
                }
                "HELO" | "RSET" => {
                    (begun, recipients) = (false, Vec::new());
                    self.answer(&mut lines, "250 fine", "451 not fine").await?;
                }
                "MAIL" => {
                    recipients.clear();
                    begun = self.answer(&mut lines, "250 fine", "451 not fine").await?;
                }
                "RCPT" if !begun => lines.send("503 no sender\r\n".to_owned(), self.deadline()).await?,
                "RCPT" => self.recipient(&mut lines, &line, &mut recipients).await?,
                "DATA" if recipients.is_empty() => {
                    lines.send("503 no recipients\r\n".to_owned(), self.deadline()).await?;
                }
                "DATA" => {
                    if self.answer(&mut lines, "354 go on", "451 not now").await? {
                        unconfirmed = self.content(&mut lines, &recipients).await?;
                    }
                    (begun, recipients) = (false, Vec::new());
                }
                "QUIT" => {
                    lines.send("221 bye\r\n".to_owned(), self.deadline()).await?;
                    return Ok(());
                }
                _ => lines.send("500 what?\r\n".to_owned(), self.deadline()).await?,
            }
        }
    }

    async fn recipient(
        &self,
        lines: &mut Lines,
        line: &str,
        recipients: &mut Vec<String>,
    ) -> Result<(), Gone> {
        let address = line.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
        self.ledger.borrow_mut().attempted(&address, self.world.now());
        if address.contains("-no@") {
            self.ledger.borrow_mut().refused(&address, self.world.now());
            return lines.send("550 5.1.1 nobody of that name\r\n".to_owned(), self.deadline()).await;
        }
        let soft = address.contains("-soft@") && self.trouble.get() != 0 && self.dice.one_in(2);
        if soft {
            return lines.send("450 4.2.1 later\r\n".to_owned(), self.deadline()).await;
        }
        if self.answer(lines, "250 2.1.5 fine", "451 4.3.0 not now").await? {
            recipients.push(address);
        }
        Ok(())
    }

    /// Takes the message; a reply that nobody hears makes the duplicate that SMTP cannot avoid.
    async fn content(&self, lines: &mut Lines, recipients: &[String]) -> Result<Vec<Arrival>, Gone> {
        let content = lines.content(self.deadline()).await?;
        if matches!(self.trouble(), Trouble::Defer) {
            let refuses = self.dice.one_in(3) && !recipients.iter().any(|address| address.ends_with(SENDERS));
            if refuses {
                let mut ledger = self.ledger.borrow_mut();
                recipients.iter().for_each(|address| ledger.refused(address, self.world.now()));
            }
            let reply = if refuses { "554 5.6.0 I do not like it\r\n" } else { "452 4.3.1 no room\r\n" };
            lines.send(reply.to_owned(), self.deadline()).await?;
            return Ok(Vec::new());
        }
        let now = self.world.now();
        let arrivals: Vec<Arrival> = {
            let mut ledger = self.ledger.borrow_mut();
            recipients.iter().map(|address| ledger.arrived(address, &content, now)).collect()
        };
        match self.trouble() {
            Trouble::Close => return Err(Gone),
            Trouble::Sleep => self.world.sleep_until(self.world.now() + SLEEP).await,
            Trouble::None | Trouble::Defer => {}
        }
        lines.send("250 2.0.0 taken\r\n".to_owned(), self.deadline()).await?;
        if matches!(self.trouble(), Trouble::Close) {
            return Err(Gone);
        }
        Ok(arrivals)
    }
}

/// One peer at each exchanger of each domain.
pub fn open_all(peer: &Peer, plan: &Plan) {
    for place in 0..plan.all_domains().len() {
        plan.hosts_of(place).into_iter().for_each(|at| peer.listen(at));
    }
}
