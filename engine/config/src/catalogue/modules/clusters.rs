//! The bus between nodes. The module `cluster` itself is a stanza of the language's own catalogue.

use super::{KnownModule, fields};
use crate::{Dictionary, Instances, Integer, List, OptionDef, Optional, Seconds, Size, Standing, Text};

const CLUSTERS: Standing = Standing::Coming("clusters");

const BUS: &[OptionDef] = fields! {
    connect_timeout: Seconds = "60" "Seconds to connect.";
    idle_timeout: Seconds = "30" "Seconds without a sign of life.";
    keepalive_interval: Seconds = "5" "Seconds between signs of life.";
    max_backlog: Integer = "5000" "Messages that wait.";
    messages_per_iter: Integer = "20" "Messages at a stretch.";
    reconnect_interval: Seconds = "5" "Seconds before another attempt.";
    tcpbuf_size: Size = "131072" "Bytes of a socket's buffers.";
};

pub const MODULES: &[KnownModule] = &[
    KnownModule::listed(
        "msgc_server",
        3,
        "The bus between nodes.",
        CLUSTERS,
        Instances::Singleton,
        &[
            BUS,
            fields! {
                peers: Dictionary = "" "Name and address of each node.";
                port: Integer = "4809" "Our port.";
            },
        ],
    ),
    KnownModule::listed(
        "msgc_client",
        3,
        "A connection to the bus.",
        CLUSTERS,
        Instances::Singleton,
        &[
            BUS,
            fields! {
                bind_address: Optional<crate::IpAddress> = "" "Our own address.";
                server: List<Text> = "( 127.0.0.1:4809 )" "Where the bus is.";
            },
        ],
    ),
];
