//! The conversation of one outgoing connection.

use super::{Report, Settings, Transaction};
use bytes::Bytes;
use mail::{Reply, Stage, Time};
use std::rc::Rc;
use std::time::Duration;

/// Commands that may be unanswered at a time: few enough that their replies fit into the peer's socket
/// buffer, or both sides could wait for the other to read (RFC 2920 §3.1).
pub const PIPELINE_WINDOW: usize = 128;

/// How long the goodbye may take; nothing depends on it.
pub const QUIT_TIMEOUT: Duration = Duration::from_secs(5);

/// What the driver is to do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Want {
    /// Read; tell `read`, `ended`, `lost` or `timed_out`.
    Read { deadline: Time },
    /// Send all of `take_output`; tell `wrote`, `lost` or `timed_out`.
    Write { deadline: Time },
    /// Idle: tell `start`, `quit` or, at that time, `idled_out`. A driver that watches the socket
    /// meanwhile may tell `read`, `ended` and `lost`.
    Transaction { idle_until: Time },
    /// Outcomes are ready: `take_report`.
    Report,
    /// Close the socket; `failure` may say why. The session is over.
    Close,
}

pub struct Session {}

#[allow(unused_variables)]
impl Session {
    pub fn new(settings: Rc<Settings>, now: Time) -> Self {
        todo!()
    }
    pub fn want(&self) -> Want {
        todo!()
    }
    pub fn stage(&self) -> Stage {
        todo!()
    }
    pub fn take_output(&mut self) -> Vec<Bytes> {
        todo!()
    }
    pub fn take_report(&mut self) -> Report {
        todo!()
    }
    /// Whether another transaction can follow on this connection, as far as is known now.
    pub fn can_take_more(&self) -> bool {
        todo!()
    }
    /// How many recipients the next transaction may have; those beyond come back as `NotTried`.
    pub fn recipient_room(&self) -> usize {
        todo!()
    }
    /// Why the connection ended although no transaction was in flight; read it at `Want::Close`.
    pub fn failure(&self) -> Option<(Stage, Reply)> {
        todo!()
    }
    pub fn start(&mut self, transaction: Transaction, now: Time) {
        todo!()
    }
    pub fn quit(&mut self, now: Time) {
        todo!()
    }
    pub fn idled_out(&mut self, now: Time) {
        todo!()
    }
    pub fn wrote(&mut self, now: Time) {
        todo!()
    }
    pub fn read(&mut self, bytes: &[u8], now: Time) {
        todo!()
    }
    /// The peer closed its side.
    pub fn ended(&mut self, now: Time) {
        todo!()
    }
    /// A read or write failed.
    pub fn lost(&mut self, now: Time) {
        todo!()
    }
    pub fn timed_out(&mut self, now: Time) {
        todo!()
    }
}
