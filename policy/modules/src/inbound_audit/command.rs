//! `inbound_audit show ip`: the windows of an address or a network, as the console prints them.

use super::Audit;
use ipnet::IpNet;
use policy_api::audit::{Counted, count};
use policy_api::{Cell, Later, ModuleCommand, Order, Row, Told};
use std::future::ready;
use std::net::IpAddr;

pub(super) static SHOW_IP: ModuleCommand = ModuleCommand::new(
    "inbound_audit show ip",
    "<ip[/mask]>",
    "Connections, receptions and rejections of an address or a network, by window.",
    show_ip,
)
.rows("windows", "{what} {window}/{offset}: {count}");

fn network(text: &str) -> Result<IpNet, String> {
    let parsed = text.parse().or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    parsed.map_err(|_| format!("'{text}' is no address and no network such as 192.0.2.0/24"))
}

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
