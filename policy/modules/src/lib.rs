//! The validation modules, one file each. What a module is, `policy_api` says.

mod conntrol;
mod list;
mod mail_loop;

pub use list::{MODULES, named};
