//! `threads stats`

use crate::Shard;
use console::{Command, Document, Record, Refused, Request, record};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use world::{Load, World};

pub const COMMAND: Command = Command::new("threads stats", "", "Shows how busy the cores are.")
    .explained("A core is one thread; an invocation is a look at its sockets and files. IO writes the logs.");

const CORE: &str = "{name} thread pool: concurrency 1
               Total invocations: {total_invocations}
    Observed average concurrency: {observed_average_concurrency}
          Thread pool saturation: {thread_pool_saturation:>5}%
   Average wallclock time per op: {average_wallclock_time_per_op_ms}ms
            Current thread count: {active_threads}
  [inactive threads]
            Current thread count: {inactive_threads}";

pub(super) async fn ask<W: World>(
    shard: Rc<Shard<W>>,
    request: Arc<Request>,
) -> Result<(Load, Duration), Refused> {
    request.operands().end()?;
    Ok((shard.world.load(), shard.world.now().since(shard.started)))
}

pub(super) async fn merge<W: World>(
    _: Rc<Shard<W>>,
    _: Arc<Request>,
    parts: Vec<(Load, Duration)>,
) -> Result<Document, Refused> {
    let cores: Vec<Record> =
        parts.into_iter().enumerate().map(|(core, (load, age))| shown(core, load, age)).collect();
    Ok(Document::new().rows("cores", CORE, cores).text("IO thread pool: concurrency 1"))
}

fn shown(core: usize, load: Load, age: Duration) -> Record {
    let share = load.busy.as_secs_f64() / age.as_secs_f64().max(0.001);
    record! {
        name: format!("CORE-{core}"),
        total_invocations: load.turns,
        observed_average_concurrency: share,
        thread_pool_saturation: 100.0 * share,
        average_wallclock_time_per_op_ms: 1000.0 * load.busy.as_secs_f64() / load.turns.max(1) as f64,
        active_threads: 1u64,
        inactive_threads: 0u64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use console::Format;

    #[test]
    fn a_core_has_the_labels_of_a_pool() {
        let load = Load { turns: 1000, busy: Duration::from_millis(370), peak_memory: 0 };
        let record = shown(2, load, Duration::from_secs(100));
        let text = Document::new().record("", CORE, record).to_text(Format::Text);
        let expected = "CORE-2 thread pool: concurrency 1
               Total invocations: 1000
    Observed average concurrency: 0.00
          Thread pool saturation:  0.37%
   Average wallclock time per op: 0.37ms
            Current thread count: 1
  [inactive threads]
            Current thread count: 0
";
        assert_eq!(text, expected);
    }
}
