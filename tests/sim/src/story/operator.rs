//! An operator at the console in the middle of it all: looks, fails, flushes, puts off, moves, suspends.
//!
//! Law: at the end nothing stays suspended, and nothing is failed that nobody can be told of; so the account
//! must close as if nobody had ordered anything.

use crate::story::ledger::Ledger;
use crate::story::lines::{Gone, Lines};
use crate::story::plan::{CONSOLE, Plan};
use crate::{Dice, SimWorld};
use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;
use world::{Dial, Net, World};

const PATIENCE: Duration = Duration::from_secs(30);
/// The engine may be down, or its line may be cut, so often before an order is given up.
const TRIES: usize = 200;

/// What the answers to orders say when they are carried out.
const DONE: [&str; 6] = ["messages failed.", "requeued.", "Delayed ", "Moved ", "Rebound ", " suspended."];

struct Operator {
    world: SimWorld,
    dice: Dice,
    plan: Rc<Plan>,
    ledger: Rc<RefCell<Ledger>>,
    suspended: Vec<String>,
}

/// Gives orders until the clients have brought all their mail.
pub async fn operate(world: SimWorld, plan: Rc<Plan>, ledger: Rc<RefCell<Ledger>>) {
    let dice = Dice::new(plan.seed).fork("operator");
    let mut operator = Operator { world, dice, plan, ledger, suspended: Vec::new() };
    while operator.ledger.borrow().clients_ended() < operator.plan.clients {
        operator.rest(200_000, 5_000_000).await;
        let line = operator.order();
        // Whether it was carried out is not known if the line was cut: the account closes either way.
        if operator.ask(&line).await.is_ok_and(|answer| DONE.iter().any(|said| answer.contains(said))) {
            operator.ledger.borrow_mut().obeyed();
        }
    }
    for scope in std::mem::take(&mut operator.suspended) {
        for _ in 0..TRIES {
            // "Not suspended" is an answer, too: a restart forgets.
            if operator.ask(&format!("resume {scope}")).await.is_ok() {
                break;
            }
            operator.rest(500_000, 2_000_000).await;
        }
    }
    operator.ledger.borrow_mut().operator_ended();
}

impl Operator {
    async fn rest(&self, low: u64, high: u64) {
        self.world.sleep_until(self.world.now() + self.dice.micros(low, high)).await;
    }

    fn order(&mut self) -> String {
        let domain = |operator: &Self| operator.plan.domain(operator.dice.below(operator.plan.domains));
        match self.dice.below(10) {
            0 => {
                self.ledger.borrow_mut().failure_ordered();
                format!("fail domain {} 550 5.7.1 by order", domain(self))
            }
            1 => {
                self.ledger.borrow_mut().failure_ordered();
                let filter = format!("--meta rcptto_domain {}", domain(self));
                format!("fail all {filter}")
            }
            2 => "flush domain all".to_owned(),
            3 => format!("delay {} --domain {}", self.dice.between(1, 20), domain(self)),
            // A throttle is counted by the domain of the address: moved mail would pass for too much.
            4 if self.plan.throttle.is_none() => format!("reroute queue {} {}", domain(self), domain(self)),
            5 => "rebind all".to_owned(),
            6 => {
                let scope = match self.dice.below(3) {
                    0 => "all".to_owned(),
                    1 => "--binding default".to_owned(),
                    _ => format!("--domain {}", domain(self)),
                };
                self.suspended.push(scope.clone());
                format!("suspend {scope}")
            }
            7 => match self.suspended.pop() {
                Some(scope) => {
                    // Kept until it is known to be gone.
                    self.suspended.insert(0, scope.clone());
                    format!("resume {scope}")
                }
                None => "domain all".to_owned(),
            },
            8 => format!("showqueue binding all {}", domain(self)),
            _ => format!("why default {}", domain(self)),
        }
    }

    /// One command on a connection of its own; its answer.
    async fn ask(&self, line: &str) -> Result<String, Gone> {
        let deadline = self.world.now() + PATIENCE;
        let dial = Dial { to: CONSOLE.into(), from: None, deadline };
        let stream = self.world.dial(dial).await.map_err(|_| Gone)?;
        let mut lines = Lines::new(stream);
        lines.send(format!("{line}\n"), deadline).await?;
        lines.answer(deadline).await
    }
}
