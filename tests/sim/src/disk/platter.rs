//! What is on the disk: files of sectors, folders, and the changes of names that are under way.

use crate::Dice;
use crate::disk::SECTOR;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use world::{BLOCK, Entry};

/// A sector in flight at a power cut is torn in itself, instead of old or new, once in so many times.
const TORN: u64 = 20;

#[derive(Default)]
pub(crate) struct Platter {
    files: BTreeMap<u64, Content>,
    names: BTreeMap<PathBuf, u64>,
    folders: BTreeSet<PathBuf>,
    pending: BTreeMap<u64, Change>,
    next: u64,
}

pub(crate) struct Content {
    pub id: u64,
    durable: Vec<u8>,
    /// Sectors written and not synced, by number: readers see them, a power cut may not keep them.
    written: BTreeMap<usize, [u8; SECTOR]>,
}

/// A change of names.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Folder(PathBuf),
    Create { path: PathBuf, bytes: usize },
    Remove(PathBuf),
    Rename { from: PathBuf, to: PathBuf },
}

impl Change {
    pub fn verb(&self) -> &'static str {
        match self {
            Change::Folder(_) => "create_folder",
            Change::Create { .. } => "create_zeroed",
            Change::Remove(_) => "remove",
            Change::Rename { .. } => "rename",
        }
    }

    pub fn path(&self) -> &Path {
        match self {
            Change::Folder(path) | Change::Create { path, .. } | Change::Remove(path) => path,
            Change::Rename { from, .. } => from,
        }
    }
}

impl Content {
    pub fn bytes(&self) -> usize {
        self.durable.len()
    }

    pub fn read(&self, offset: usize, length: usize) -> Vec<u8> {
        let mut bytes = self.durable[offset..offset + length].to_vec();
        let sectors = self.written.range(offset / SECTOR..(offset + length).div_ceil(SECTOR));
        for (number, sector) in sectors {
            let at = number * SECTOR - offset;
            bytes[at..at + SECTOR].copy_from_slice(sector);
        }
        bytes
    }

    /// The device has the sector, in its cache.
    pub fn write(&mut self, number: usize, sector: &[u8]) {
        let mut bytes = [0; SECTOR];
        bytes.copy_from_slice(sector);
        self.written.insert(number, bytes);
    }

    /// The device has written the sectors out.
    pub fn sync(&mut self, sectors: std::ops::Range<usize>) {
        let numbers: Vec<usize> = self.written.range(sectors).map(|(number, _)| *number).collect();
        for number in numbers {
            if let Some(sector) = self.written.remove(&number) {
                self.durable[number * SECTOR..(number + 1) * SECTOR].copy_from_slice(&sector);
            }
        }
    }

    fn cut_power(&mut self, dice: &Dice) {
        for (number, sector) in std::mem::take(&mut self.written) {
            let kept = match dice.below(2 * TORN) {
                0 | 1 => dice.between(1, SECTOR as u64 - 1) as usize,
                throw if throw % 2 == 0 => SECTOR,
                _ => 0,
            };
            self.durable[number * SECTOR..][..kept].copy_from_slice(&sector[..kept]);
        }
    }
}

impl Platter {
    pub fn file(&self, path: &Path) -> Option<&Content> {
        self.files.get(self.names.get(path)?)
    }

    pub fn content(&mut self, id: u64) -> Option<&mut Content> {
        self.files.get_mut(&id)
    }

    pub fn bytes(&self) -> u64 {
        self.names.values().filter_map(|id| self.files.get(id)).map(|file| file.bytes() as u64).sum()
    }

    pub fn rot(&mut self, path: &Path, offset: usize, bits: u8) {
        let file = self.names.get(path).and_then(|id| self.files.get_mut(id));
        if let Some(byte) = file.and_then(|file| file.durable.get_mut(offset)) {
            *byte ^= bits;
        }
    }

    pub fn holds_aside(&self, text: &[u8], suffix: &str) -> bool {
        let aside = self.names.iter().filter(|(path, _)| !path.to_string_lossy().ends_with(suffix));
        let mut files = aside.filter_map(|(_, id)| self.files.get(id));
        files.any(|file| memchr::memmem::find(&file.durable, text).is_some())
    }

    pub fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        if !self.folders.contains(path) {
            return Err(io::ErrorKind::NotFound.into());
        }
        let here = |other: &Path| other.parent() == Some(path);
        let name = |other: &Path| other.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let files = self.names.iter().filter(|(file, _)| here(file)).map(|(file, id)| Entry {
            name: name(file),
            bytes: self.files.get(id).map_or(0, |file| file.bytes() as u64),
            is_folder: false,
        });
        let folders = self.folders.iter().filter(|folder| here(folder));
        let folders = folders.map(|folder| Entry { name: name(folder), bytes: 0, is_folder: true });
        Ok(files.chain(folders).collect())
    }

    /// Whether the change can be made, as a file system would say at once.
    pub fn allows(&self, change: &Change) -> io::Result<()> {
        let refusal = match change {
            Change::Create { path, .. } if self.names.contains_key(path) => io::ErrorKind::AlreadyExists,
            Change::Create { path, .. }
                if path.parent().is_none_or(|folder| !self.folders.contains(folder)) =>
            {
                io::ErrorKind::NotFound
            }
            Change::Remove(path) if !self.names.contains_key(path) => io::ErrorKind::NotFound,
            Change::Rename { from, .. } if !self.names.contains_key(from) => io::ErrorKind::NotFound,
            _ => return Ok(()),
        };
        Err(refusal.into())
    }

    pub fn begin(&mut self, change: Change) -> u64 {
        self.next += 1;
        self.pending.insert(self.next, change);
        self.next
    }

    pub fn end(&mut self, pending: u64) -> io::Result<()> {
        match self.pending.remove(&pending) {
            Some(change) => self.apply(change),
            None => Ok(()),
        }
    }

    /// The caller was told of a failure: the change is there or not, and what was half made is removed.
    pub fn fail(&mut self, pending: u64, dice: &Dice) {
        let change = self.pending.remove(&pending);
        if let Some(change) = change.filter(|change| !matches!(change, Change::Create { .. }))
            && dice.one_in(2)
        {
            // It may have become impossible meanwhile: then it was not made.
            let _ = self.apply(change);
        }
    }

    fn apply(&mut self, change: Change) -> io::Result<()> {
        self.allows(&change)?;
        match change {
            Change::Folder(path) => self.folders.extend(path.ancestors().map(Path::to_owned)),
            Change::Create { path, bytes } => {
                self.next += 1;
                let content = Content { id: self.next, durable: vec![0; bytes], written: BTreeMap::new() };
                self.files.insert(self.next, content);
                self.names.insert(path, self.next);
            }
            // Whoever has it open may go on writing into it, without any use.
            Change::Remove(path) => {
                self.names.remove(&path);
            }
            Change::Rename { from, to } => {
                if let Some(id) = self.names.remove(&from) {
                    self.names.insert(to, id);
                }
            }
        }
        Ok(())
    }

    pub fn cut_power(&mut self, dice: &Dice) {
        for change in std::mem::take(&mut self.pending).into_values() {
            let change = match change {
                // A file that was being zeroed may have any length.
                Change::Create { path, bytes } => {
                    let blocks = dice.between(0, (bytes / BLOCK) as u64) as usize;
                    let odd = if dice.one_in(4) { dice.below(BLOCK as u64) as usize } else { 0 };
                    Change::Create { path, bytes: (blocks * BLOCK + odd).min(bytes) }
                }
                change => change,
            };
            if dice.one_in(2) {
                // Two changes of one name: the second may have become impossible.
                let _ = self.apply(change);
            }
        }
        let named: BTreeSet<u64> = self.names.values().copied().collect();
        self.files.retain(|id, _| named.contains(id));
        self.files.values_mut().for_each(|file| file.cut_power(dice));
    }
}
