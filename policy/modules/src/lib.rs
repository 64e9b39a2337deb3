//! The validation modules, one file each. What a module is, `policy_api` says.

mod alias;
mod antivirus;
mod auth_ds;
mod chunk_logger;
mod cidrdb;
mod clamav;
mod conntrol;
pub mod curfew;
mod daemon;
mod dialogue;
mod dkim_sign;
mod dkim_validate;
mod dmarc;
mod dnsbl;
mod ds_core;
mod fbl;
mod icu;
mod identity;
mod inbound_audit;
pub mod ipv6_lookup;
mod list;
mod mail_loop;
mod maildir;
mod milter;
pub mod mxip;
mod openarc;
mod opendkim;
mod outbound_smtp_auth;
mod present;
mod reception_timing;
pub mod response_transcode;
mod rspamd;
mod sched;
mod seats;
mod seedlist;
mod signing;
mod smtp_auth_proxy;
mod smtp_cbv;
mod smtp_rcptto_proxy;
pub mod spamassassin;
mod spf_macros;
mod spf_v1;
#[cfg(test)]
mod stage;
pub mod static_routes;
mod stored_password;
mod template;
mod url_ripper;

/// Under which the engine offers the configuration in force to modules: an `Arc<config::Snapshot>`.
pub const CONFIGURATION: &str = "configuration";

pub use list::{MODULES, named};
