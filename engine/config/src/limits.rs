//! How much configuration is too much. Reaching a limit is a complaint that names it, never a panic.

/// Every bound of the loader. A real tree of thousands of domains stays far below the defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest word or quoted string, in bytes.
    pub token_bytes: usize,
    /// Largest single file, in bytes.
    pub file_bytes: usize,
    /// All files together, in bytes.
    pub total_bytes: usize,
    /// Stanzas inside stanzas, counted across includes.
    pub nesting: usize,
    /// Files included by files that are included.
    pub include_depth: usize,
    /// Files read in all.
    pub includes: usize,
    /// Assignments and stanzas in all.
    pub statements: usize,
    /// Complaints kept; loading stops at the next one.
    pub complaints: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            token_bytes: 64 << 10,
            file_bytes: 16 << 20,
            total_bytes: 64 << 20,
            nesting: 64,
            include_depth: 32,
            includes: 1000,
            statements: 1_000_000,
            complaints: 100,
        }
    }
}
