//! Faults that the sink plays, each with its ratio and the stage of the session where it happens.
//!
//! Law: the dice are a function of the seed and the connection's number: the same run has the same faults.

use crate::arguments::{parsed, seconds};
use std::time::Duration;

/// Where in a session: before the greeting, at a command, at the final dot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    Connect,
    Ehlo,
    Mail,
    Rcpt,
    Data,
    Dot,
}

const STAGES: [(&str, Stage); 6] = [
    ("connect", Stage::Connect),
    ("ehlo", Stage::Ehlo),
    ("mail", Stage::Mail),
    ("rcpt", Stage::Rcpt),
    ("data", Stage::Data),
    ("dot", Stage::Dot),
];

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Action {
    /// The reply comes late.
    Tarpit(Duration),
    /// This reply, 4xx or 5xx.
    Refuse(u16),
    /// The connection closes instead of the reply.
    Close,
    /// At `data`: this long between two reads of the content.
    SlowRead(Duration),
    /// At `dot`: the message is accepted, and the connection closes before the 250 is sent.
    LoseReply,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fault {
    /// From 0 to 1, of the times that the stage is reached.
    pub ratio: f64,
    pub action: Action,
    pub stage: Stage,
}

impl Fault {
    /// `0.01:450@rcpt`, `0.1:tarpit=2.5@mail`, `0.01:close@data`, `0.05:slow=0.1@data`, `0.01:lose@dot`. Says
    /// what is wrong.
    pub fn parse(text: &str) -> Result<Fault, String> {
        let form = || format!("not RATIO:WHAT@STAGE: {text}");
        let (ratio, rest) = text.split_once(':').ok_or_else(form)?;
        let (what, stage) = rest.split_once('@').ok_or_else(form)?;
        let ratio: f64 = parsed(ratio)?;
        if !(0.0..=1.0).contains(&ratio) {
            return Err(format!("a ratio lies between 0 and 1: {text}"));
        }
        let known = STAGES.iter().find(|(name, _)| *name == stage);
        let (_, stage) = *known.ok_or_else(|| format!("no stage: {stage}"))?;
        let action = match what.split_once('=') {
            Some(("tarpit", value)) => Action::Tarpit(seconds(value)?),
            Some(("slow", value)) => Action::SlowRead(seconds(value)?),
            None if what == "close" => Action::Close,
            None if what == "lose" => Action::LoseReply,
            None => Action::Refuse(what.parse().map_err(|_| format!("no fault: {what}"))?),
            Some(_) => return Err(format!("no fault: {what}")),
        };
        match (action, stage) {
            (Action::Refuse(code), _) if !(400..600).contains(&code) => {
                Err(format!("neither 4xx nor 5xx: {code}"))
            }
            (Action::SlowRead(_), stage) if stage != Stage::Data => {
                Err(format!("slow reads are at data: {text}"))
            }
            (Action::LoseReply, stage) if stage != Stage::Dot => {
                Err(format!("a reply is lost at dot: {text}"))
            }
            _ => Ok(Fault { ratio, action, stage }),
        }
    }
}

/// Pseudo-random numbers of one connection (the SplitMix64 sequence).
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64, connection: u64) -> Dice {
        let mut dice = Dice(seed);
        let start = dice.roll() ^ connection.wrapping_mul(0xd134_2543_de82_ef95);
        Dice(start)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// The first fault of this stage that strikes.
    pub fn draw(&mut self, faults: &[Fault], stage: Stage) -> Option<Action> {
        let here = faults.iter().filter(|fault| fault.stage == stage);
        let struck = here.map(|fault| (fault, self.roll())).find(|(fault, roll)| {
            let unit = (roll >> 11) as f64 / (1_u64 << 53) as f64;
            unit < fault.ratio
        });
        struck.map(|(fault, _)| fault.action)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_written_as_ratio_what_and_stage() {
        for (text, action, stage) in [
            ("0.01:450@rcpt", Action::Refuse(450), Stage::Rcpt),
            ("1:tarpit=2.5@mail", Action::Tarpit(Duration::from_millis(2500)), Stage::Mail),
            ("0:close@connect", Action::Close, Stage::Connect),
            ("0.05:slow=0.1@data", Action::SlowRead(Duration::from_millis(100)), Stage::Data),
            ("0.5:lose@dot", Action::LoseReply, Stage::Dot),
        ] {
            let fault = Fault::parse(text).unwrap();
            assert_eq!((fault.action, fault.stage), (action, stage), "{text}");
        }
        for wrong in [
            "",
            "450@rcpt",
            "2:450@rcpt",
            "0.1:250@rcpt",
            "0.1:450@quit",
            "0.1:lose@data",
            "0.1:slow=1@dot",
            "0.1:x=1@dot",
        ] {
            assert!(Fault::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn dice_strike_by_ratio_and_alike_for_the_same_seed() {
        let faults = [Fault::parse("0.1:450@rcpt").unwrap(), Fault::parse("0.5:close@rcpt").unwrap()];
        let draws = |seed| -> Vec<_> {
            (0..10_000).map(|connection| Dice::new(seed, connection).draw(&faults, Stage::Rcpt)).collect()
        };
        let (one, again, other) = (draws(1), draws(1), draws(2));
        assert_eq!(one, again);
        assert_ne!(one, other);
        let refused = one.iter().filter(|draw| **draw == Some(Action::Refuse(450))).count();
        let closed = one.iter().filter(|draw| **draw == Some(Action::Close)).count();
        assert!((900..1100).contains(&refused) && (4350..4650).contains(&closed), "{refused} {closed}");
        assert_eq!(Dice::new(1, 1).draw(&faults, Stage::Data), None);
    }
}
