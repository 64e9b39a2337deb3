//! Reads the password files that the consoles' listeners name, when a configuration is loaded.

use config::Snapshot;
use shard::Access;
use std::fs::{self, File};
use std::io::{self, Read};
use std::sync::Arc;

/// A longer file is not read: 64 MiB.
const LONGEST: u64 = 64 << 20;

/// What the files say; what is wrong with them goes to standard error.
pub fn load(snapshot: &Snapshot) -> Arc<Access> {
    let mut secret = [0; 16];
    // Without it the salts of unknown users could be told from others', and nothing else.
    let _ = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut secret));
    let realm = std::env::var("EC_DIGEST_REALM").ok();
    let (access, problems) = Access::load(snapshot, read, realm, secret);
    problems.iter().for_each(|problem| eprintln!("impetus: {problem}"));
    Arc::new(access)
}

fn read(path: &str) -> io::Result<String> {
    match fs::metadata(path)?.len() {
        bytes if bytes > LONGEST => Err(io::Error::other(format!("longer than {LONGEST} bytes"))),
        _ => fs::read_to_string(path),
    }
}
