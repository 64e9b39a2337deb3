//! The commands about queues and messages: what waits, why, and orders about it.
//!
//! Law: what many commands share stands in `depth`, `purge` and `one_message`; the commands say what they are
//! called, which queues they mean and how the answer looks.

pub mod active;
pub mod binding_active;
pub mod binding_delayed;
pub mod binding_fail_domain;
pub mod binding_fail_domain_quiet;
pub mod binding_flush_domain;
pub mod binding_summary;
pub mod delay;
pub mod delayed;
mod depth;
pub mod domain;
pub mod domain_all;
pub mod domains;
pub mod fail_all;
pub mod fail_all_quiet;
pub mod fail_domain;
pub mod fail_domain_quiet;
pub mod flush_domain;
pub mod mailq;
pub mod message_details;
pub mod message_fail;
pub mod message_fail_quiet;
pub mod message_retry;
mod one_message;
mod purge;
pub mod rebind;
pub mod reroute_queue;
pub mod resume;
pub mod showqueue;
pub mod suspend;
pub mod suspensions;
pub mod why;
