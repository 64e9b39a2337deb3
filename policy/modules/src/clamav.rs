//! clamav: an engine of antivirus, asked over the protocol of clamd (INSTREAM). Its stanza at the top level
//! only loads it; what it shall do stands in the stanza within antivirus.

use crate::antivirus::{ScanOptions, UNBUILT};
use crate::daemon::exchange;
use bytes::{BufMut, Bytes, BytesMut};
use config::{Instances, ModuleSyntax, Text};
use policy_api::{Endpoint, Host, Later, Module, ModuleDef, Scan, VirusScanner};
use std::io::ErrorKind;
use std::rc::Rc;
use std::time::Duration;

config::options! {
    pub struct ClamavOptions {
        /// Where clamd listens: address:port or the path of its socket.
        daemon: Text = "127.0.0.1:3310", in [module];
    }
}

pub static MODULE: ModuleDef = ModuleDef::new(
    ModuleSyntax {
        name: "clamav",
        instances: Instances::Any,
        options: &[ScanOptions::DEFINITIONS, ClamavOptions::DEFINITIONS, UNBUILT],
        stanzas: &[],
    },
    &[],
    |_, _| Ok(Rc::new(OnlyLoaded)),
);

struct OnlyLoaded;

impl Module for OnlyLoaded {}

pub(crate) struct Clamd {
    pub daemon: Endpoint,
    pub timeout: Duration,
}

/// Octets of a chunk.
const CHUNK: usize = 1 << 20;

impl VirusScanner for Clamd {
    fn engine(&self) -> &'static str {
        "clamav"
    }

    fn version(&self, host: &Rc<dyn Host>) -> Later<Result<String, String>> {
        let (daemon, timeout, host) = (self.daemon.clone(), self.timeout, host.clone());
        Box::pin(async move {
            let asked = vec![Bytes::from_static(b"zVERSION\0")];
            let answer = exchange(&host, &daemon, timeout, asked, Some(0)).await;
            let answer = answer.map_err(|error| format!("clamd at {daemon:?}: {error}"))?;
            Ok(String::from_utf8_lossy(&answer).trim_matches(['\0', '\n', ' ']).to_owned())
        })
    }

    fn scan(&self, content: Bytes, host: &Rc<dyn Host>) -> Later<Scan> {
        let (daemon, timeout, host) = (self.daemon.clone(), self.timeout, host.clone());
        Box::pin(async move {
            match exchange(&host, &daemon, timeout, request(&content), Some(0)).await {
                Ok(answer) => verdict(&answer),
                Err(error) if error.kind() == ErrorKind::TimedOut => {
                    Scan::Failed(format!("clamd has not answered within {timeout:?}"))
                }
                Err(error) => Scan::Failed(format!("clamd at {daemon:?}: {error}")),
            }
        })
    }
}

/// The command, then chunks with their lengths, then an empty one.
fn request(content: &Bytes) -> Vec<Bytes> {
    let mut pieces = vec![Bytes::from_static(b"zINSTREAM\0")];
    let mut rest = content.clone();
    while !rest.is_empty() {
        let chunk = rest.split_to(rest.len().min(CHUNK));
        let mut length = BytesMut::with_capacity(4);
        length.put_u32(chunk.len() as u32);
        pieces.extend([length.freeze(), chunk]);
    }
    pieces.push(Bytes::from_static(&[0; 4]));
    pieces
}

fn verdict(answer: &[u8]) -> Scan {
    let answer = String::from_utf8_lossy(answer);
    let answer = answer.trim();
    let said = answer.strip_prefix("stream:").unwrap_or(answer).trim();
    match said {
        "OK" | "Empty file" => Scan::Clean,
        _ if said.ends_with("ERROR") => Scan::Failed(said.to_owned()),
        _ => match said.strip_suffix("FOUND") {
            Some(name) => Scan::Infected(name.trim().to_owned()),
            None => Scan::Failed(format!("clamd said {said:?}")),
        },
    }
}
