//! Where policy finds its data, and what wraps files.

use super::{KnownModule, fields};
use crate::{Bool, Instances, Integer, Optional, OptionalText, Perms, Seconds, Size, Standing, Text};

crate::words! { Compression = "gzip" | "bzip2" }

const DATA: &str = "data sources";
const WRAPPERS: Standing = Standing::Coming("logs behind URIs");

pub const MODULES: &[KnownModule] = &[
    KnownModule::built("ds_core", 1, "Asks databases, and remembers the answers; it is always there."),
    KnownModule::listed(
        "ds_ldap",
        2,
        "Asks LDAP directories.",
        Standing::Coming(DATA),
        Instances::Singleton,
        &[fields! {
            connection_cache_size: Optional<Integer> = "" "Connections kept.";
            connection_cache_life: Optional<Seconds> = "" "Seconds that a connection is kept.";
        }],
    ),
    KnownModule::built("alias", 2, "Replaces recipients by what a data source says."),
    KnownModule::built("icu", 1, "Converts character sets; it is always there."),
    KnownModule::listed("jlog", 2, "Logs with named readers.", WRAPPERS, Instances::Any, &[]),
    KnownModule::listed("gzipio", 2, "Reads and writes gzip.", WRAPPERS, Instances::Any, &[]),
    KnownModule::listed("bzip2io", 3, "Reads and writes bzip2.", WRAPPERS, Instances::Any, &[]),
    KnownModule::listed("http_io", 2, "Reads over HTTP.", Standing::Coming("HTTP"), Instances::Any, &[]),
    KnownModule::listed(
        "syslog_io",
        2,
        "Logs to syslog.",
        WRAPPERS,
        Instances::Any,
        &[fields! {
            default_facility: Text = "mail" "Facility of lines that name none.";
            ident: Text = "ecelerity" "The program's name.";
        }],
    ),
    KnownModule::listed(
        "pipe_io",
        2,
        "Logs to a program.",
        WRAPPERS,
        Instances::Any,
        &[fields! {
            error_file: OptionalText = "" "Where its standard error goes.";
            error_mode: Perms = "0666" "Mode of that file.";
            output_file: OptionalText = "" "Where its standard output goes.";
            output_mode: Perms = "0666" "Mode of that file.";
            timeout: Optional<Seconds> = "" "Seconds to wait for its end.";
        }],
    ),
    KnownModule::listed(
        "persist_io",
        2,
        "Keeps copies of what was fetched.",
        WRAPPERS,
        Instances::Any,
        &[fields! {
            persist_path: Text = "/var/log/ecelerity/persist" "Folder of the copies.";
            dirmode: Perms = "0700" "Mode of folders.";
            filemode: Perms = "0600" "Mode of files.";
        }],
    ),
    KnownModule::listed(
        "compress_spool",
        2,
        "Compresses contents in the spool.",
        Standing::Ignored("the journal writes aligned blocks, uncompressed"),
        Instances::Any,
        &[fields! {
            compress: Compression = "gzip" "How.";
            minimum_size: Size = "4096" "Bytes below which nothing is compressed.";
            read_only: Bool = "0" "True: only what is compressed already is read.";
        }],
    ),
    KnownModule::listed(
        "suppress_spool",
        2,
        "Acknowledges mail that is not on disk.",
        Standing::Refused("remove it: mail is acknowledged only when it is on stable storage"),
        Instances::Any,
        &[fields! {
            num_retries: Optional<Integer> = "" "Failures after which a message is written.";
        }],
    ),
];
