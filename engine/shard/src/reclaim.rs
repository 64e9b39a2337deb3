//! The journal's upkeep: segments prepared, removed, set aside, and records read back for compaction.

use crate::{Shard, commit};
use spool::{Location, PrepareFailure, Segment, Want};
use std::io::{self, ErrorKind};
use std::rc::Rc;
use std::time::Duration;
use world::{File, World};

/// After a failure to rename a damaged segment.
const SET_ASIDE_AGAIN: Duration = Duration::from_secs(10);

/// Does one thing that the journal wants, tells it, and has it asked again.
pub(crate) async fn upkeep<W: World>(under_way: UnderWay<W>, want: Want) {
    let shard = &under_way.0;
    match want {
        Want::Prepare(segment) => prepare(shard, segment).await,
        Want::Remove(segment) => remove(shard, segment).await,
        Want::SetAside(segment) => set_aside(shard, segment).await,
        Want::Reread(location) => reread(shard, location).await,
        Want::Commit | Want::SleepUntil(_) | Want::Rest => unreachable!("not upkeep"),
    }
    report_quarantined(shard);
}

/// A task of upkeep; when it ends, however it ends, the journal is asked again.
pub(crate) struct UnderWay<W: World>(Rc<Shard<W>>);

impl<W: World> UnderWay<W> {
    pub fn new(shard: Rc<Shard<W>>) -> Self {
        shard.spool.upkeep.set(shard.spool.upkeep.get() + 1);
        UnderWay(shard)
    }
}

impl<W: World> Drop for UnderWay<W> {
    fn drop(&mut self) {
        let spool = &self.0.spool;
        spool.upkeep.set(spool.upkeep.get() - 1);
        spool.bell.raise();
    }
}

/// Tells of promises that cannot be read back, and remembers them: copies of them may be under way.
pub(crate) fn report_quarantined<W: World>(shard: &Shard<W>) {
    let lost = shard.spool.journal.borrow_mut().take_quarantined();
    for promise in lost {
        shard.spool.quarantined.borrow_mut().insert(promise);
        let what = format!("spool: promise {promise} cannot be read back; its segment is set aside");
        shard.complain(&what);
    }
}

async fn prepare<W: World>(shard: &Shard<W>, segment: Segment) {
    let path = shard.spool.folder.join(segment.file_name());
    let bytes = shard.spool_settings.segment_bytes;
    let made = match shard.world.open(&path).await {
        Err(error) if error.kind() == ErrorKind::NotFound => shard.world.create_zeroed(&path, bytes).await,
        Ok(file) if file.bytes() != bytes => {
            // Left half made by an earlier run.
            drop(file);
            match shard.world.remove(&path).await {
                Ok(()) => shard.world.create_zeroed(&path, bytes).await,
                Err(error) => Err(error),
            }
        }
        other => other,
    };
    let mut journal = shard.spool.journal.borrow_mut();
    match made {
        Ok(file) => {
            shard.spool.files.borrow_mut().insert(segment, file);
            journal.prepared(segment);
        }
        Err(error) => {
            shard.complain(&format!("spool: cannot prepare {}: {error}", path.display()));
            journal.prepare_failed(segment, why(&error), shard.world.now());
            drop(journal);
            shard.spool.wake_all();
        }
    }
}

fn why(error: &io::Error) -> PrepareFailure {
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => {
            PrepareFailure::NoSpace
        }
        _ => PrepareFailure::Broken,
    }
}

async fn remove<W: World>(shard: &Shard<W>, segment: Segment) {
    shard.spool.files.borrow_mut().remove(&segment);
    let path = shard.spool.folder.join(segment.file_name());
    if let Err(error) = shard.world.remove(&path).await {
        shard.complain(&format!("spool: cannot remove {}: {error}", path.display()));
    }
    shard.spool.journal.borrow_mut().removed(segment);
}

/// What could not be read is evidence, and may be mail: until the file has its other name it is not given up.
async fn set_aside<W: World>(shard: &Shard<W>, segment: Segment) {
    shard.spool.files.borrow_mut().remove(&segment);
    let path = shard.spool.folder.join(segment.file_name());
    let aside = shard.spool.folder.join(format!("{}.quarantined", segment.file_name()));
    loop {
        let Err(error) = shard.world.rename(&path, &aside).await else { break };
        shard.complain(&format!("spool: cannot set {} aside: {error}", path.display()));
        if error.kind() == ErrorKind::NotFound {
            break;
        }
        if shard.spool.closing.get() {
            return;
        }
        shard.world.sleep_until(shard.world.now() + SET_ASIDE_AGAIN).await;
    }
    shard.complain(&format!("spool: damaged segment {segment} stands aside, as {}", aside.display()));
    shard.spool.journal.borrow_mut().removed(segment);
}

async fn reread<W: World>(shard: &Shard<W>, location: Location) {
    let blocks = match commit::file_of(shard, location.segment).await {
        Ok(file) => file.read(location.offset, location.length).await,
        Err(error) => Err(error),
    };
    let mut journal = shard.spool.journal.borrow_mut();
    match blocks {
        Ok(blocks) => journal.reread(location, blocks),
        Err(error) => {
            let segment = location.segment;
            shard.complain(&format!("spool: cannot read {segment} back: {error}"));
            journal.reread_failed(location);
        }
    }
}
