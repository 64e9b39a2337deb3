//! `antivirus:<instance> stats` and `antivirus:<instance> version`.

use super::Antivirus;
use policy_api::{Cell, Later, ModuleCommand, Order, Told};

pub(super) static COMMAND: ModuleCommand = ModuleCommand::new(
    "antivirus:<instance> stats",
    "",
    "Shows what each engine has scanned and found, and how long that took.",
    run,
)
.rows("engines", LAYOUT);

pub(super) static VERSION: ModuleCommand = ModuleCommand::new(
    "antivirus:<instance> version",
    "",
    "Asks each engine what it is, with its signatures.",
    version,
)
.rows("engines", "{engine}: {version}");

fn version(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [] = order.operands()?;
        let mut rows = Vec::new();
        for engine in order.of::<Antivirus>().engines.clone() {
            let said = engine.scanner.version(&order.host).await.unwrap_or_else(|problem| problem);
            let name = Cell::Text(engine.scanner.engine().into());
            rows.push(vec![("engine", name), ("version", Cell::Text(said))]);
        }
        Ok(Told { rows, ..Told::default() })
    })
}

const LAYOUT: &str = "Engine: {engine}
    Messages checked: {messages}
    MIME parts checked: {parts}
    Viruses detected: {viruses}
    Viruses cured: {cured}
    Average time per message: {message_ms}ms
    Average time per MIME part: {part_ms}ms";

/// Where the counters of an engine stand.
pub(super) fn prefix(instance: &str, engine: &str) -> String {
    format!("/antivirus/{instance}/{engine}/")
}

fn run(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [] = order.operands()?;
        let engines: Vec<_> = order.of::<Antivirus>().engines.clone();
        let mut rows = Vec::new();
        for engine in engines {
            let counters = order.host.counters(&engine.prefix).await;
            let count = |what: &str| {
                let found =
                    counters.iter().find(|(name, _)| name.strip_prefix(&*engine.prefix) == Some(what));
                found.map_or(0, |(_, count)| *count)
            };
            rows.push(vec![
                ("engine", Cell::Text(engine.scanner.engine().into())),
                ("messages", Cell::Count(count("messages"))),
                ("parts", Cell::Count(count("parts"))),
                ("viruses", Cell::Count(count("viruses"))),
                // No engine of ours cures.
                ("cured", Cell::Count(0)),
                ("message_ms", average(count("message_us"), count("messages"))),
                ("part_ms", average(count("part_us"), count("parts"))),
            ]);
        }
        Ok(Told { rows, ..Told::default() })
    })
}

/// `nan` where nothing was counted, as Momentum has it.
fn average(micros: u64, count: u64) -> Cell {
    match count {
        0 => Cell::Text("nan".into()),
        count => Cell::Text(format!("{:.2}", micros as f64 / 1000.0 / count as f64)),
    }
}
