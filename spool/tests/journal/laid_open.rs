//! A segment as `impetus spool cat` shows it.

use crate::disk::Log;
use mail::Time;
use spool::{Segment, inspect};

#[test]
fn a_segment_is_laid_open_stretch_by_stretch() {
    let mut log = Log::new();
    let first = log.durable(1000, 2);
    log.journal.deferred(first, 1, Time::from_secs(2000), 1, b"451 later\r\n", log.now);
    log.journal.finished(first, 0, log.now);
    log.durable(100_000, 1);
    let file = log.disk.0.get_mut(&Segment(1)).expect("it exists");
    file[4096 + 64 + 500] ^= 1;
    let text: Vec<_> = inspect::segment(file).map(|item| item.to_string()).collect();
    assert_eq!(
        text,
        [
            "         0     4096 segment 00000001.segment shard=0 epoch=1 oldest=1",
            "      4096     4096 batch 1 after=0 durable=0 records=1",
            "      4160     1052   ROTTEN",
            "      8192    65536 batch 2 after=1 durable=1 records=3",
            "      8256       59   deferred 1 copy=1 attempts=1 until=2000 \"451 later\\r\\n\"",
            "      8315       36   finished 1 copy=0",
            "      8351    65377   promised 4 copies=1 head=4 bytes=0..65329 of 100004",
            "     73728    36864 batch 3 after=2 durable=3 records=1",
            "     73792    34723   promised 4 copies=1 head=4 bytes=65329..100004 of 100004",
            "    110592   937984 no batch",
        ]
    );
}
