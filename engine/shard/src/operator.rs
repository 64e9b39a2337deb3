//! Whoever sits at the console: one for each connection, from its beginning to its end.

use std::any::Any;
use std::cell::RefCell;

/// A console session. Commands that need it get it; what they keep in it goes with the connection.
pub(crate) struct Operator {
    /// As acctlog names them: who authenticated, or the owner of the process at the other end of the socket.
    pub user: String,
    pub roles: Vec<String>,
    /// The configuration that is being changed (`config begin`); nobody else sees it.
    #[allow(dead_code, reason = "the commands of config fill it")]
    pub transaction: RefCell<Option<Box<dyn Any>>>,
}

impl Operator {
    pub fn new(user: &str, roles: Vec<String>) -> Self {
        Operator { user: user.to_owned(), roles, transaction: RefCell::default() }
    }
}
