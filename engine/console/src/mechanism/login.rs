//! LOGIN: name and password, one after the other. Sensible on local sockets only.

use super::{Turn, equal};
use crate::store::Stores;

#[derive(Debug, Default)]
pub(crate) struct LoginServer {
    asked: bool,
    user: Option<String>,
}

impl LoginServer {
    pub fn told(&mut self, message: &str, stores: &Stores) -> Turn {
        if message.is_empty() && !self.asked {
            self.asked = true;
            return Turn::Challenge("Username:".into());
        }
        let Some(user) = self.user.take() else {
            self.user = Some(message.to_owned());
            return Turn::Challenge("Password:".into());
        };
        let known = stores.password(&user);
        let matches = equal(known.unwrap_or("").as_bytes(), message.as_bytes());
        if known.is_some() && matches { Turn::Done { user } } else { Turn::Failed { user } }
    }
}
