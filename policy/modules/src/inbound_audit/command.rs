//! `inbound_audit …`: the windows of an address or a network, as the console prints them, and the series that scripts
//! count: `params` is "interval,windows", as they were defined.

use super::Audit;
use policy_api::audit::{self, Counted, count, network};
use policy_api::{Cell, Later, ModuleCommand, Order, Row, Tally, Told};
use std::future::ready;
use std::time::Duration;

pub(super) static COMMANDS: &[&ModuleCommand] = &[&SHOW_IP, &ADD, &SUBTRACT, &DELETE_IP, &COUNT_CIDR, &HELP];

static SHOW_IP: ModuleCommand = ModuleCommand::new(
    "inbound_audit show ip",
    "<ip[/mask]>",
    "Connections, receptions and rejections of an address or a network, by window.",
    show_ip,
)
.rows("windows", "{what} {window}/{offset}: {count}");

fn show_ip(order: Order) -> Later<Result<Told, String>> {
    let audit = order.of::<Audit>();
    let asked = order.operands().and_then(|[text]| network(&text));
    let network = match asked {
        Ok(network) => network,
        Err(problem) => return Box::pin(ready(Err(problem))),
    };
    Box::pin(async move {
        let mut rows: Vec<Row> = Vec::new();
        for (index, monitor) in audit.monitors.iter().enumerate() {
            for what in Counted::ALL {
                let tally = &audit.tallies[index][what as usize];
                for window in 0..=monitor.windows {
                    let counted = count(&order.host, tally, network, (window, window))?.await;
                    rows.push(vec![
                        ("what", Cell::Text(title(what).to_owned())),
                        ("window", Cell::Text(monitor.window.as_secs().to_string())),
                        ("offset", Cell::Text(window.to_string())),
                        ("count", Cell::Count(u64::try_from(counted).unwrap_or(0))),
                    ]);
                }
            }
        }
        Ok(Told { rows, ..Told::default() })
    })
}

fn title(what: Counted) -> &'static str {
    match what {
        Counted::Connections => "Connections",
        Counted::Receptions => "Receptions",
        Counted::Rejections => "Rejections",
    }
}

const ONE_EVENT: &str = "<series> <interval,windows> <ip> <count>";

static ADD: ModuleCommand =
    ModuleCommand::new("inbound_audit add", ONE_EVENT, "Counts events of an address in a series.", |order| {
        count_in(order, 1)
    })
    .changes()
    .head("{series}: {added} added for {ip}");

static SUBTRACT: ModuleCommand =
    ModuleCommand::new("inbound_audit subtract", ONE_EVENT, "Takes events of an address back.", |order| {
        count_in(order, -1)
    })
    .changes()
    .head("{series}: {added} added for {ip}");

static DELETE_IP: ModuleCommand = ModuleCommand::new(
    "inbound_audit delete_ip",
    "<ip> <series> <interval,windows>",
    "Takes an address out of a series.",
    delete_ip,
)
.changes()
.head("{series}: {deleted} deleted for {ip}");

static COUNT_CIDR: ModuleCommand = ModuleCommand::new(
    "inbound_audit count_cidr",
    "<ip[/mask]> <series> <interval,windows> <first window> <last window>",
    "Events of an address or a network in a series; 0 is the current window.",
    count_cidr,
)
.head("{count}");

static HELP: ModuleCommand =
    ModuleCommand::new("inbound_audit help", "", "The commands of inbound_audit.", |order| {
        let row = |command: &&ModuleCommand| -> Row {
            let usage = format!("{} {}", command.name, command.arguments);
            vec![("usage", text(usage.trim_end())), ("summary", text(command.summary))]
        };
        let rows = COMMANDS.iter().map(row).collect();
        Box::pin(ready(order.operands().map(|[]| Told { rows, ..Told::default() })))
    })
    .rows("commands", "{usage}: {summary}");

fn text(text: impl Into<String>) -> Cell {
    Cell::Text(text.into())
}

fn series(name: &str, params: &str) -> Result<Tally, String> {
    let read = || {
        let (interval, windows) = params.split_once(',')?;
        let (interval, windows) = (interval.trim().parse().ok()?, windows.trim().parse().ok()?);
        let fits = (1..=366 * 86_400).contains(&interval) && (1..=100_000).contains(&windows);
        fits.then(|| audit::series(name, Duration::from_secs(interval), windows))
    };
    read().ok_or_else(|| {
        format!("'{params}': expected interval,windows as the series was defined, such as 60,10")
    })
}

/// The address itself is counted, and with it every network around it.
fn count_in(order: Order, sign: i64) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [name, params, ip, count] = order.operands()?;
        let (tally, address) = (series(&name, &params)?, network(&ip)?.addr());
        let count = count.parse::<u32>().map_err(|_| format!("'{count}' is no number of events"))?;
        let added = sign * i64::from(count);
        audit::add(&*order.host, &tally, address, added);
        let told =
            [("series", text(name)), ("ip", text(address.to_string())), ("added", text(added.to_string()))];
        Ok(Told::head(told.into()))
    })
}

fn delete_ip(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [ip, name, params] = order.operands()?;
        let (tally, address) = (series(&name, &params)?, network(&ip)?.addr());
        let deleted = audit::forget(&order.host, &tally, address).await;
        let told = [
            ("series", text(name)),
            ("ip", text(address.to_string())),
            ("deleted", text(deleted.to_string())),
        ];
        Ok(Told::head(told.into()))
    })
}

fn count_cidr(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [ip, name, params, first, last] = order.operands()?;
        let tally = series(&name, &params)?;
        let window =
            |given: &str| given.parse::<u32>().map_err(|_| format!("'{given}' is no number of a window"));
        let (first, last) = (window(&first)?, window(&last)?);
        let windows = (first.min(last), first.max(last));
        let counted = count(&order.host, &tally, network(&ip)?, windows)?.await;
        Ok(Told::head(vec![("count", text(counted.to_string()))]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use policy_api::Module;
    use policy_api::testing::Conversation;
    use std::rc::Rc;

    #[test]
    fn operators_count_in_the_series_of_scripts() {
        let module: Rc<dyn Module> = Rc::new(Audit::new(&[]));
        let conversation = Conversation::default();
        let host: Rc<dyn policy_api::Host> = conversation.host.clone();
        audit::add(&*host, &audit::series("s", Duration::from_secs(60), 10), [192, 0, 2, 1].into(), 5);
        for (line, expected) in [
            ("add s 60,10 192.0.2.2 7", "s 192.0.2.2 7"),
            ("subtract s 60,10 192.0.2.2 1", "s 192.0.2.2 -1"),
            ("count_cidr 192.0.2.0/24 s 60,10 0 9", "11"),
            ("count_cidr 192.0.2.2 s 60,10 0 0", "6"),
            ("count_cidr 192.0.2.2 other 60,10 0 0", "0"),
            ("delete_ip 192.0.2.1 s 60,10", "s 192.0.2.1 5"),
            ("count_cidr 192.0.2.0/24 s 60,10 0 9", "6"),
            ("add s 60 192.0.2.2 7", "'60': expected interval,windows"),
            ("add s 60,10 here 7", "'here' is no address"),
            ("add s 60,10 192.0.2.2 -7", "'-7' is no number of events"),
            ("delete_ip 192.0.2.1 s", "usage: inbound_audit delete_ip <ip> <series>"),
        ] {
            let (name, words) = line.split_once(' ').unwrap();
            let is_it = |command: &&&ModuleCommand| command.name == format!("inbound_audit {name}");
            let command = COMMANDS.iter().find(is_it).unwrap();
            let words: Vec<&str> = words.split(' ').collect();
            let said = match conversation.order(&module, command, &words) {
                Ok(told) => {
                    let texts = told.head.iter().map(|(_, cell)| match cell {
                        Cell::Text(text) => text.clone(),
                        other => format!("{other:?}"),
                    });
                    texts.collect::<Vec<_>>().join(" ")
                }
                Err(problem) => problem,
            };
            assert!(said.starts_with(expected), "{line}: {said}");
        }
        let help = conversation.order(&module, &HELP, &[]).unwrap();
        assert_eq!(help.rows.len(), COMMANDS.len());
    }
}
