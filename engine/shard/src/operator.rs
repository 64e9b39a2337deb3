//! Whoever sits at the console: one for each connection, from its beginning to its end.

use config::Transaction;
use std::cell::{Cell, RefCell};

/// A console session. Commands that need it get it; what they keep in it goes with the connection.
pub(crate) struct Operator {
    /// As acctlog names them: who authenticated, or the owner of the process at the other end of the socket.
    pub user: String,
    pub roles: Vec<String>,
    /// The roles decide what they may do.
    pub is_ruled: bool,
    /// The configuration that is being changed (`config begin`); nobody else sees it.
    pub transaction: RefCell<Option<Box<Transaction>>>,
    /// The connection ends after this answer.
    pub is_leaving: Cell<bool>,
}

impl Operator {
    pub fn new(user: &str, roles: Vec<String>, is_ruled: bool) -> Self {
        Operator {
            user: user.to_owned(),
            roles,
            is_ruled,
            transaction: RefCell::default(),
            is_leaving: Cell::new(false),
        }
    }
}
