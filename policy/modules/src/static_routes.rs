//! static_routes: all mail goes to one address, without a question to the name servers (spec module-details.md). Each
//! domain keeps its queue, its limits and its connections; the engine's deliveries obey the stanza, before `routes`.

use crate::present::{Present, enabled};
use config::{Instances, ModuleSyntax, OptionalText, Snapshot, Stanza};
use policy_api::{Finding, ModuleDef};
use std::net::SocketAddr;
use std::rc::Rc;

config::options! {
    pub struct StaticRoutesOptions {
        /// Address and port of the host: `192.0.2.1:25` or `[2001:db8::1]:25`. Unset: mail goes as without the stanza.
        target: OptionalText = "", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "static_routes",
        instances: Instances::Any,
        options: &[StaticRoutesOptions::DEFINITIONS],
        stanzas: &[],
    },
    &[],
    |stanza, _| read(stanza).map(|_| Rc::new(Present) as _),
);

/// Where all mail goes; none: where its domain says.
pub fn target(snapshot: &Snapshot) -> Option<SocketAddr> {
    enabled(snapshot, MODULE.name()).and_then(|stanza| read(stanza).ok().flatten())
}

fn read(stanza: Stanza<'_>) -> Result<Option<SocketAddr>, Finding> {
    let options = StaticRoutesOptions::resolve(&stanza);
    let wrong = |text: &str| {
        let text = format!(
            "static_routes: target '{text}': expected address:port, as 192.0.2.1:25 or [2001:db8::1]:25"
        );
        Finding::at(stanza, text)
    };
    let read = |text: &str| match text.trim().parse::<SocketAddr>() {
        Ok(target) if target.port() != 0 => Ok(target),
        _ => Err(wrong(text)),
    };
    options.target.as_deref().map(read).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signing::tests::{loaded, made};

    #[test]
    fn a_target_is_an_address_and_a_port() {
        for (text, expected) in [
            ("", None),
            ("static_routes { }", None),
            ("static_routes { target = \"192.0.2.1:2525\" }", Some("192.0.2.1:2525")),
            ("static_routes { target = \"[2001:db8::1]:25\" }", Some("[2001:db8::1]:25")),
            ("static_routes { target = \"192.0.2.1:2525\" enabled = false }", None),
        ] {
            assert_eq!(target(&loaded(text)).map(|target| target.to_string()).as_deref(), expected, "{text}");
        }
        for wrong in ["192.0.2.1", "192.0.2.1:0", "mx.example:25", "2001:db8::1:25:x"] {
            let finding = made(&format!("static_routes {{ target = \"{wrong}\" }}")).err().expect(wrong);
            assert!(
                finding.to_string().contains(&format!("target '{wrong}': expected address:port")),
                "{finding}"
            );
        }
    }
}
