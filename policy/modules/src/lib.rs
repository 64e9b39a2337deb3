//! The validation modules, one file each. What a module is, `policy_api` says.

mod antivirus;
mod clamav;
mod conntrol;
mod daemon;
mod list;
mod mail_loop;
mod milter;
mod rspamd;
mod seats;
pub mod spamassassin;

pub use list::{MODULES, named};
