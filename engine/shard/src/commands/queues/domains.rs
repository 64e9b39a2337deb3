//! `domains`: `domain all` under its other name.

pub use super::domain_all::{ask, merge};
use console::Command;

pub const COMMAND: Command =
    Command::new("domains", "", "Shows every domain that has queues, and the sum of all.");
