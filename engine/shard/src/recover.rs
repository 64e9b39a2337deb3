//! After a start: reads the journal of this shard, and those of shards that are no more, and puts every
//! promise that lives back into its queue.

use crate::Shard;
use crate::hand_over::{Waiting, hand_over};
use crate::parcel::{Kept, Parcel};
use mail::{Note, QueueName, Reception, Time};
use spool::{Found, Living, Recovered, Recovery, Segment, Settings};
use std::io;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;
use world::{File, World};

/// How long adoption waits for room in our own journal.
const ADMIT_AGAIN: Duration = Duration::from_millis(20);

/// The folder of a shard's journal.
pub fn folder(spoolbase: &Path, shard: usize) -> PathBuf {
    spoolbase.join(format!("shard-{shard}"))
}

/// Reads a journal. Whatever is damaged is in the report; only an unreadable folder is an error.
pub(crate) async fn recover<W: World>(
    world: &W,
    folder: &Path,
    settings: &Settings,
) -> io::Result<Recovered> {
    world.create_folder(folder).await?;
    let entries = world.list(folder).await?;
    let segment = |entry: &world::Entry| {
        let segment = Segment::from_file_name(&entry.name)?;
        (!entry.is_folder).then_some(Found { segment, bytes: entry.bytes })
    };
    let mut recovery = Recovery::new(settings, entries.iter().filter_map(segment).collect());
    let mut open: Option<(Segment, W::File)> = None;
    while let Some(location) = recovery.want() {
        if open.as_ref().is_none_or(|(segment, _)| *segment != location.segment) {
            let path = folder.join(location.segment.file_name());
            open = world.open(&path).await.ok().map(|file| (location.segment, file));
        }
        let blocks = match &open {
            Some((_, file)) => file.read(location.offset, location.length).await.ok(),
            None => None,
        };
        match blocks {
            Some(blocks) => recovery.read(blocks),
            None => recovery.read_failed(),
        }
        world.breathe().await;
    }
    Ok(recovery.finish())
}

/// Puts what the journal of this shard holds into the queues.
pub(crate) async fn requeue<W: World>(shard: &Rc<Shard<W>>, living: Vec<Living>) {
    for promise in living {
        let Ok(reception) = Reception::decode(&promise.head, &bytes::Bytes::new()) else {
            let number = promise.promise;
            shard.complain(&format!("spool: the head of promise {number} is of another version; it is kept"));
            continue;
        };
        let content = Kept::new(reception, &shard.budget);
        let parcel =
            |copy| Parcel { promise: promise.promise, content: None, copy, home: shard.index as u16 };
        let copies = promise.left.iter().map(|left| Waiting {
            parcel: parcel(left.copy),
            attempts: left.deferral.as_ref().map_or(0, |deferral| deferral.attempts),
            next_attempt: left.deferral.as_ref().map_or(Time::EPOCH, |deferral| deferral.until),
            moved_to: moved_to(left),
        });
        hand_over(shard, &content, copies).await;
        shard.world.breathe().await;
    }
}

/// The queue that an order has chosen for a copy.
fn moved_to(left: &spool::Copy) -> Option<QueueName> {
    left.deferral.as_ref().and_then(|deferral| Note::decode(&deferral.note).place)
}

/// The journals of shards beyond our number, after a start with fewer: we take over those whose index is
/// ours modulo the number of shards. Everything in them is promised again in our own journal, then the
/// folder is emptied.
pub(crate) async fn adopt<W: World>(shard: &Rc<Shard<W>>, spoolbase: &Path) -> io::Result<()> {
    for entry in shard.world.list(spoolbase).await? {
        let index = entry.name.strip_prefix("shard-").and_then(|index| index.parse::<usize>().ok());
        let Some(index) = index.filter(|index| *index >= shard.count && index % shard.count == shard.index)
        else {
            continue;
        };
        adopt_folder(shard, &folder(spoolbase, index), index).await?;
    }
    Ok(())
}

async fn adopt_folder<W: World>(shard: &Rc<Shard<W>>, folder: &Path, index: usize) -> io::Result<()> {
    // Its segments carry its number: read as ours they would all pass for misnamed.
    let settings = Settings { shard: index as u16, ..shard.spool_settings.clone() };
    let recovered = recover(&shard.world, folder, &settings).await?;
    if recovered.report.damages_found > 0 {
        let damages = recovered.report.damages_found;
        shard.complain(&format!("spool: {} is kept as it is: {damages} damages", folder.display()));
        return Ok(());
    }
    let journal = spool::Journal::new(settings, recovered.state);
    // All of it is read once before any is promised: a folder is taken over whole or not at all, or what is
    // good in it would be promised again at each start.
    for living in &recovered.living {
        left_behind(shard, folder, &journal, living).await?;
    }
    for living in &recovered.living {
        let reception = left_behind(shard, folder, &journal, living).await?;
        while shard.admit(reception.clone()).await.is_err() {
            // No segment has room yet.
            shard.world.sleep_until(shard.world.now() + ADMIT_AGAIN).await;
        }
    }
    for entry in shard.world.list(folder).await? {
        if Segment::from_file_name(&entry.name).is_some() {
            shard.world.remove(&folder.join(entry.name)).await?;
        }
    }
    Ok(())
}

/// A promise of another shard's journal, with the copies of it that live.
async fn left_behind<W: World>(
    shard: &Rc<Shard<W>>,
    folder: &Path,
    journal: &spool::Journal,
    living: &Living,
) -> io::Result<Reception> {
    let mut parts = Vec::new();
    for location in journal.location(living.promise).unwrap_or_default() {
        let file = shard.world.open(&folder.join(location.segment.file_name())).await?;
        parts.push((location, file.read(location.offset, location.length).await?));
    }
    let unreadable = |_| io::Error::from(io::ErrorKind::InvalidData);
    let promised = spool::read::promised(living.promise, parts).map_err(unreadable)?;
    let mut reception = Reception::decode(&promised.head, &promised.body)
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    let mut index = 0;
    reception.envelopes.retain_mut(|envelope| {
        let left = living.left.iter().find(|left| left.copy == index);
        if let Some(QueueName { binding, domain }) = left.and_then(moved_to) {
            (envelope.binding, envelope.domain) = (binding, domain);
        }
        index += 1;
        left.is_some()
    });
    Ok(reception)
}
