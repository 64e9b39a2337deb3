//! The stanza `Datasource`.

use config::{Bool, Integer, List, Seconds, Text};

config::options! {
    pub struct DatasourceOptions {
        /// Where the data is, as `driver:rest`; several take turns, and one that cannot be reached is passed over.
        /// Drivers are `sqlite:/path`, `http://host[:port][/path]` (the query is a target below it, JSON answers are
        /// rows) and `iowrapper:` (the query is a URL or a file, its content the answer); `$name` in a query stands for
        /// a value. Questions to another driver fail and say so.
        uri: List<Text> = "", in [datasource];
        /// Seconds that an answer is remembered, empty ones too. Failures are not.
        cache_life: Seconds = "3600", in [datasource];
        /// Answers that each shard remembers; the oldest makes room. 32 MiB in all at most.
        cache_size: Integer = "1000", in [datasource];
        /// Rows of an answer, those behind are left out; -1: all of them, and more than 1,000,000 rows are an error.
        /// An answer of more than 64 MiB is always one.
        max_rows: Integer = "100", in [datasource];
        /// True: nothing is remembered.
        no_cache: Bool = "false", in [datasource];
        /// Pool of the side threads that ask: `IO` or `CPU`; other names mean `IO`.
        pool: Text = "IO", in [datasource], tier 1 Approximated("one of the two pools of side threads");
        /// True: answers can be passed to other nodes.
        serialized: Bool = "true", in [datasource], tier 1 Ignored("every host asks for itself");
        /// Character set of texts that are not UTF-8.
        assume_charset: Text = "iso-8859-1", in [datasource];
    }
}
