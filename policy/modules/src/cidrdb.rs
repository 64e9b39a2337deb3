//! cidrdb: the console's view of the tables of address blocks that scripts define (spec module-details.md, cidrdb).
//! The tables themselves are `data::cidr`'s, and are there without this stanza.

use config::{Instances, ModuleSyntax};
use data::CidrTables;
use policy_api::{Cell, Later, Module, ModuleCommand, ModuleDef, Order, Told};
use std::rc::Rc;

pub static MODULE: ModuleDef = ModuleDef {
    commands: &[&LIST, &RELOAD],
    ..ModuleDef::new(
        ModuleSyntax { name: "cidrdb", instances: Instances::Singleton, options: &[], stanzas: &[] },
        &[],
        |_, make| Ok(Rc::new(Cidrdb { tables: CidrTables::of(make.services) })),
    )
};

static LIST: ModuleCommand =
    ModuleCommand::new("cidrdb list", "", "The tables of address blocks, and when each is read anew.", list)
        .rows("tables", "{name} [{refresh}]");

static RELOAD: ModuleCommand =
    ModuleCommand::new("cidrdb reload", "<table>", "Reads a table of address blocks anew.", reload)
        .changes()
        .for_everyone()
        .head("reloaded '{name}' on {shards} shards");

struct Cidrdb {
    tables: CidrTables,
}

impl Module for Cidrdb {}

fn list(order: Order) -> Later<Result<Told, String>> {
    let tables = order.of::<Cidrdb>().tables.list(order.host.now());
    let rows = tables.into_iter().map(|(name, left)| {
        let refresh = match left {
            Some(left) => format!("refresh in {} seconds", left.as_secs()),
            None => "no refresh".to_owned(),
        };
        vec![("name", Cell::Text(name)), ("refresh", Cell::Text(refresh))]
    });
    let told = Told { rows: rows.collect(), ..Told::default() };
    Box::pin(std::future::ready(Ok(told)))
}

fn reload(order: Order) -> Later<Result<Told, String>> {
    Box::pin(async move {
        let [name] = order.operands()?;
        let tables = order.of::<Cidrdb>().tables.clone();
        tables.reload(&order.host, &name).await.map_err(|fault| fault.to_string())?;
        Ok(Told::head(vec![("name", Cell::Text(name)), ("shards", Cell::Count(1))]))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use data::cidr::Definition;
    use policy_api::Services;
    use policy_api::testing::{FakeHost, run};

    fn order(module: &Rc<dyn Module>, command: &'static ModuleCommand, operands: &[&str]) -> Order {
        Order {
            command,
            module: module.clone(),
            instance: "".into(),
            operands: operands.iter().map(|operand| (*operand).to_owned()).collect(),
            host: FakeHost::new(),
        }
    }

    #[test]
    fn the_console_lists_tables_and_has_them_read_anew() {
        let tables = CidrTables::of(&Services::default());
        for (name, text) in [("set", "empty"), ("timed", "rbldnsd")] {
            let pairs = [("type", text), ("source", "/none/such/file"), ("refresh", "60")];
            let pairs = pairs.into_iter().filter(|(key, _)| text != "empty" || *key == "type");
            tables.define(name, Definition::of(pairs).unwrap());
        }
        let module: Rc<dyn Module> = Rc::new(Cidrdb { tables });
        let text = |text: &str| Cell::Text(text.to_owned());
        let told = run(reload(order(&module, &RELOAD, &["set"]))).unwrap();
        assert_eq!(told.head, [("name", text("set")), ("shards", Cell::Count(1))]);
        let refused = run(reload(order(&module, &RELOAD, &["timed"]))).unwrap_err();
        assert!(refused.contains("/none/such/file"), "{refused}");
        assert_eq!(run(reload(order(&module, &RELOAD, &[]))).unwrap_err(), "usage: cidrdb reload <table>");
        let rows = run(list(order(&module, &LIST, &[]))).unwrap().rows;
        assert_eq!(rows[0][0].1, text("set"));
        assert_eq!(rows[0][1].1, text("refresh in 1800 seconds"));
        assert_eq!(rows[1][1].1, text("refresh in 15 seconds"));
    }
}
