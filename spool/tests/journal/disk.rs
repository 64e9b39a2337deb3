//! A disk of bytes for the tests: what is committed stays, what is in flight may be torn by sectors.

use bytes::Bytes;
use mail::Time;
use spool::{
    Commit, Durability, Found, Journal, Location, Promise, Recovered, Recovery, Segment, Settings, State,
    Want,
};
use std::collections::BTreeMap;
use world::Buffer;

pub const SECTOR: usize = 512;

#[derive(Clone, Default)]
pub struct Disk(pub BTreeMap<Segment, Vec<u8>>);

impl Disk {
    pub fn create(&mut self, segment: Segment, settings: &Settings) {
        let known = self.0.insert(segment, vec![0; settings.segment_bytes as usize]);
        assert!(known.is_none(), "a file is made once");
    }

    pub fn write(&mut self, commit: &Commit) {
        self.tear(commit, |_| true);
    }

    /// Writes only those sectors of the commit that `survives` says.
    pub fn tear(&mut self, commit: &Commit, mut survives: impl FnMut(usize) -> bool) {
        let file = self.0.get_mut(&commit.segment).expect("only files that exist are written");
        let start = commit.offset as usize;
        for (index, sector) in commit.buffer.chunks(SECTOR).enumerate().filter(|(index, _)| survives(*index))
        {
            let at = start + index * SECTOR;
            file[at..at + SECTOR].copy_from_slice(sector);
        }
    }

    pub fn read(&self, location: Location) -> Buffer {
        let mut blocks = Buffer::zeroed(location.length);
        let start = location.offset as usize;
        blocks.copy_from_slice(&self.0[&location.segment][start..start + location.length]);
        blocks
    }

    pub fn found(&self) -> Vec<Found> {
        let found = self.0.iter();
        found.map(|(segment, file)| Found { segment: *segment, bytes: file.len() as u64 }).collect()
    }

    pub fn recover(&self, settings: &Settings) -> Recovered {
        let mut recovery = Recovery::new(settings, self.found());
        while let Some(location) = recovery.want() {
            recovery.read(self.read(location));
        }
        recovery.finish()
    }

    /// Head and body of a promise, read as the shard reads them.
    pub fn promised(&self, journal: &Journal, promise: Promise) -> Option<spool::read::Promised> {
        let locations = journal.location(promise)?;
        let parts = locations.into_iter().map(|location| (location, self.read(location))).collect();
        Some(spool::read::promised(promise, parts).expect("what is living can be read"))
    }

    pub fn chore(&mut self, journal: &mut Journal, settings: &Settings, want: Want) {
        match want {
            Want::Prepare(segment) => {
                self.create(segment, settings);
                journal.prepared(segment);
            }
            Want::Remove(segment) | Want::SetAside(segment) => {
                self.0.remove(&segment).expect("only files that exist are removed");
                journal.removed(segment);
            }
            Want::Reread(location) => journal.reread(location, self.read(location)),
            other => panic!("{other:?} is no chore"),
        }
    }
}

const NOW: Time = Time::from_secs(1000);

/// A journal with its disk, one commit at a time.
pub struct Log {
    pub settings: Settings,
    pub disk: Disk,
    pub journal: Journal,
    pub now: Time,
}

impl Log {
    pub fn new() -> Self {
        Log::with(settings())
    }

    pub fn with(settings: Settings) -> Self {
        let journal = Journal::new(settings.clone(), State::default());
        let mut log = Log { settings, disk: Disk::default(), journal, now: NOW };
        log.chores();
        log
    }

    pub fn chores(&mut self) {
        while let Want::Prepare(_) | Want::Remove(_) | Want::SetAside(_) | Want::Reread(_) =
            self.journal.want(self.now)
        {
            let want = self.journal.want(self.now);
            self.disk.chore(&mut self.journal, &self.settings, want);
        }
    }

    pub fn promise(&mut self, body: usize, copies: u32) -> Promise {
        let mut dice = Dice(body as u64);
        let body: Vec<u8> = (0..body).map(|_| dice.roll() as u8).collect();
        self.journal.promise(b"head", &[Bytes::from(body)], copies).expect("there is room")
    }

    /// The next batch, not written yet; opens a segment before it if that is wanted.
    pub fn batch(&mut self) -> Commit {
        loop {
            self.now = self.now + self.settings.note_delay;
            self.chores();
            assert_eq!(self.journal.want(self.now), Want::Commit);
            let commit = self.journal.take_commit();
            if commit.offset > 0 {
                return commit;
            }
            self.disk.write(&commit);
            self.journal.committed(commit.buffer);
        }
    }

    pub fn commit(&mut self) {
        let commit = self.batch();
        self.disk.write(&commit);
        self.journal.committed(commit.buffer);
        self.chores();
    }

    pub fn durable(&mut self, body: usize, copies: u32) -> Promise {
        let promise = self.promise(body, copies);
        while self.journal.is_durable(promise) == Durability::Waiting {
            self.commit();
        }
        assert_eq!(self.journal.is_durable(promise), Durability::Durable);
        promise
    }
}

pub fn settings() -> Settings {
    Settings { segment_bytes: 1 << 20, batch_bytes: 64 << 10, salt: 77, ..Settings::default() }.bounded()
}

/// A small generator of numbers (splitmix64): the seed is the test case.
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ mixed >> 30).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ mixed >> 31
    }

    pub fn below(&mut self, bound: u64) -> u64 {
        self.roll() % bound
    }

    pub fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }
}
