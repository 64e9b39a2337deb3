//! Clients that bring mail: in order or pipelined, patient or not, and now and then gone in the middle.

use crate::story::ledger::{Ledger, Word};
use crate::story::lines::{Gone, Lines};
use crate::story::plan::{ENGINE, Plan, SENDERS, SMTP};
use crate::{Dice, SimWorld};
use mail::Time;
use std::cell::RefCell;
use std::fmt::Write as _;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;
use world::{Dial, Net, World};

const PATIENCE: Duration = Duration::from_secs(120);
const TRIES: usize = 4;
/// A client disappears before a step, once in so many steps.
const DISAPPEARS: u64 = 60;

struct Mail {
    sender: Option<String>,
    recipients: Vec<String>,
    content: String,
}

struct Client {
    world: SimWorld,
    dice: Dice,
    ledger: Rc<RefCell<Ledger>>,
    pipelines: bool,
}

/// Brings its mail, connecting again while it is refused; what it began it does not begin again.
pub async fn bring(world: SimWorld, plan: Rc<Plan>, number: u64, ledger: Rc<RefCell<Ledger>>) {
    let dice = Dice::new(plan.seed).fork(&format!("client {number}"));
    world.sleep_until(world.now() + dice.micros(0, 20_000_000)).await;
    let mut mails: Vec<Mail> = (0..dice.between(1, 3)).map(|nth| write(&dice, &plan, number, nth)).collect();
    mails.reverse();
    let client = Client { pipelines: dice.one_in(2), world: world.clone(), dice, ledger: ledger.clone() };
    for _ in 0..TRIES {
        // A client that was cut off leaves the mail that it had begun.
        let _ = client.converse(&mut mails).await;
        if mails.is_empty() {
            break;
        }
        world.sleep_until(world.now() + client.dice.micros(100_000, 10_000_000)).await;
    }
    ledger.borrow_mut().client_ended();
}

fn write(dice: &Dice, plan: &Plan, client: u64, nth: u64) -> Mail {
    let recipient = |place: u64| {
        let fate = dice.pick(&["ok", "ok", "ok", "soft", "no"]);
        let domain = plan.domain(dice.below(plan.domains));
        format!("c{client}m{nth}r{place}-{fate}@{domain}")
    };
    let recipients: Vec<String> = (0..dice.between(1, 4)).map(recipient).collect();
    // What nobody can be told of must not expire: the account could not close.
    let sender = (plan.expires || plan.operates || !dice.one_in(6)).then(|| format!("c{client}@{SENDERS}"));
    let mut content = format!("X-Sim: c{client}m{nth}\r\nSubject: a story\r\n\r\n");
    for line in 0..dice.below(30) {
        let dots = ".".repeat(dice.below(3) as usize);
        let _ = write!(content, "{dots}{line}{}\r\n", "x".repeat(dice.below(100) as usize));
    }
    if dice.one_in(10) {
        content.push_str(&format!("{}\r\n", "y".repeat(900)).repeat(dice.between(10, 60) as usize));
    }
    Mail { sender, recipients, content }
}

impl Client {
    fn deadline(&self) -> Time {
        self.world.now() + PATIENCE
    }

    async fn converse(&self, mails: &mut Vec<Mail>) -> Result<(), Gone> {
        let to = SocketAddr::new(ENGINE, SMTP);
        let dial = Dial { to, from: None, deadline: self.deadline() };
        let stream = self.world.dial(dial).await.map_err(|_| Gone)?;
        let presence = stream.presence();
        let mut lines = Lines::new(stream);
        if lines.reply(self.deadline()).await? != 220 {
            return Err(Gone);
        }
        self.ledger.borrow_mut().greeted(presence);
        self.step(&mut lines, "EHLO client.example\r\n").await?;
        lines.reply(self.deadline()).await?;
        while let Some(mail) = mails.pop() {
            let pipelines = self.pipelines;
            if pipelines {
                self.pipelined(&mut lines, &mail).await?
            } else {
                self.one_by_one(&mut lines, &mail).await?
            }
        }
        self.step(&mut lines, "QUIT\r\n").await?;
        lines.reply(self.deadline()).await?;
        Ok(())
    }

    /// Sends a step, perhaps in pieces and after a while; or is gone.
    async fn step(&self, lines: &mut Lines, text: &str) -> Result<(), Gone> {
        if self.dice.one_in(DISAPPEARS) {
            return Err(Gone);
        }
        if self.dice.one_in(4) {
            self.world.sleep_until(self.world.now() + self.dice.micros(0, 3_000_000)).await;
        }
        let cut = if self.dice.one_in(4) { self.dice.below(text.len() as u64) as usize } else { 0 };
        lines.send(text[..cut].to_owned(), self.deadline()).await?;
        lines.send(text[cut..].to_owned(), self.deadline()).await
    }

    fn from_line(mail: &Mail) -> String {
        format!("MAIL FROM:<{}>\r\n", mail.sender.as_deref().unwrap_or_default())
    }

    async fn one_by_one(&self, lines: &mut Lines, mail: &Mail) -> Result<(), Gone> {
        self.ledger.borrow_mut().begun(&mail.recipients, mail.sender.as_deref(), &mail.content);
        self.step(lines, &Self::from_line(mail)).await?;
        lines.reply(self.deadline()).await?;
        let mut accepted = Vec::new();
        for recipient in &mail.recipients {
            self.step(lines, &format!("RCPT TO:<{recipient}>\r\n")).await?;
            let code = lines.reply(self.deadline()).await?;
            self.recipient(recipient, code, &mut accepted);
        }
        self.step(lines, "DATA\r\n").await?;
        if lines.reply(self.deadline()).await? != 354 {
            self.ledger.borrow_mut().told(&accepted, Word::Refused);
            return Ok(());
        }
        self.content(lines, mail, &accepted).await
    }

    async fn pipelined(&self, lines: &mut Lines, mail: &Mail) -> Result<(), Gone> {
        self.ledger.borrow_mut().begun(&mail.recipients, mail.sender.as_deref(), &mail.content);
        let mut commands = Self::from_line(mail);
        mail.recipients.iter().for_each(|recipient| commands.push_str(&format!("RCPT TO:<{recipient}>\r\n")));
        commands.push_str("DATA\r\n");
        self.step(lines, &commands).await?;
        lines.reply(self.deadline()).await?;
        let mut accepted = Vec::new();
        for recipient in &mail.recipients {
            let code = lines.reply(self.deadline()).await?;
            self.recipient(recipient, code, &mut accepted);
        }
        if lines.reply(self.deadline()).await? != 354 {
            self.ledger.borrow_mut().told(&accepted, Word::Refused);
            return Ok(());
        }
        self.content(lines, mail, &accepted).await
    }

    fn recipient(&self, recipient: &str, code: u16, accepted: &mut Vec<String>) {
        if code / 100 == 2 {
            accepted.push(recipient.to_owned());
        } else {
            self.ledger.borrow_mut().told(&[recipient.to_owned()], Word::Refused);
        }
    }

    async fn content(&self, lines: &mut Lines, mail: &Mail, accepted: &[String]) -> Result<(), Gone> {
        let stuffed = mail.content.split_inclusive("\r\n").map(|line| match line.starts_with('.') {
            true => format!(".{line}"),
            false => line.to_owned(),
        });
        let text: String = stuffed.chain([".\r\n".to_owned()]).collect();
        self.step(lines, &text).await?;
        let word = match lines.reply(self.deadline()).await? / 100 {
            2 => Word::Promised(self.world.now()),
            _ => Word::Refused,
        };
        self.ledger.borrow_mut().told(accepted, word);
        Ok(())
    }
}
