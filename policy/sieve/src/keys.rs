//! Private keys that scripts have used on one shard.

use crate::fault::Fault;
use authentication::PrivateKey;
use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;

/// Keys kept; when there are more, all are read again.
const MOST_KEPT: usize = 2048;

#[derive(Default)]
pub(crate) struct Keys(RefCell<HashMap<Box<str>, Rc<PrivateKey>>>);

impl Keys {
    /// How many there were.
    pub fn flush(&self) -> usize {
        self.0.take().len()
    }

    /// By the name of its file, or by its text.
    pub fn get(
        &self,
        name: &str,
        read: impl FnOnce() -> Result<PrivateKey, String>,
    ) -> Result<Rc<PrivateKey>, Fault> {
        if let Some(key) = self.0.borrow().get(name) {
            return Ok(key.clone());
        }
        let key = Rc::new(read()?);
        let mut kept = self.0.borrow_mut();
        if kept.len() >= MOST_KEPT {
            kept.clear();
        }
        kept.insert(name.into(), key.clone());
        Ok(key)
    }
}
