//! Data sources of policy (spec module-details.md §F): a name, where the data is, and the answers that are at hand.
//!
//! Architecture invariant: no statement runs on a shard, every answer is bounded, and scripts and modules of a shard
//! share one cache for each source.

mod cache;
pub mod cidr;
mod datasource;
mod datasources;
mod driver;
mod fetch;
pub mod http;
mod options;
mod pending;
mod rows;
pub mod sqlite;

pub use cache::Statistics;
pub use cidr::CidrTables;
pub use datasource::Datasource;
pub use datasources::Datasources;
pub use driver::Question;
pub use options::DatasourceOptions;
pub use rows::{Cell, DataFault, Parameters, Rows};

/// What a question will be answered. Nothing is lost if it is dropped before.
pub type Answering = policy_api::Later<Result<std::rc::Rc<Rows>, DataFault>>;
