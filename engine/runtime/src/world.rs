//! `world::World` for real: one shard's clock, chance, tasks, bell and logs.

/// One shard's view of the outside.
#[derive(Clone)]
pub struct RealWorld {}
