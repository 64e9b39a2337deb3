//! An open file of the simulated disk.

use crate::disk::{Inner, SECTOR};
use std::io;
use std::path::Path;
use std::rc::Rc;
use world::{BLOCK, Buffer, File};

#[derive(Clone)]
pub struct SimFile(Rc<Open>);

struct Open {
    disk: Rc<Inner>,
    id: u64,
    bytes: u64,
    name: String,
}

impl SimFile {
    pub(crate) fn new(disk: Rc<Inner>, id: u64, bytes: u64) -> SimFile {
        SimFile(Rc::new(Open { disk, id, bytes, name: format!("file {id}") }))
    }

    /// Puts the sectors that `chosen` says into the device's cache.
    fn write(&self, offset: u64, buffer: &Buffer, mut chosen: impl FnMut() -> bool) {
        let mut platter = self.0.disk.platter.borrow_mut();
        let Some(content) = platter.content(self.0.id) else { return };
        let first = offset as usize / SECTOR;
        for (index, sector) in buffer.chunks(SECTOR).enumerate() {
            if chosen() {
                content.write(first + index, sector);
            }
        }
    }
}

impl File for SimFile {
    async fn commit(&self, offset: u64, buffer: Buffer) -> (io::Result<()>, Buffer) {
        assert!(offset.is_multiple_of(BLOCK as u64), "whole blocks");
        assert!(offset + buffer.len() as u64 <= self.0.bytes, "a commit stays within the file");
        let disk = &self.0.disk;
        // All of it is in flight from the first moment: a cut now may keep any sector of it.
        self.write(offset, &buffer, || true);
        let operated = disk.operate("commit", Path::new(&self.0.name)).await;
        disk.trace(|| format!("commit of {} at {offset}: {}", buffer.len(), operated.is_ok()));
        let sectors = offset as usize / SECTOR..(offset as usize + buffer.len()) / SECTOR;
        if let Some(content) = disk.platter.borrow_mut().content(self.0.id) {
            match operated {
                Ok(()) => content.sync(sectors),
                // Some of it is on the disk; the rest is read back and yet lost with the power.
                Err(_) => {
                    let chosen = sectors.filter(|_| disk.dice.one_in(2));
                    chosen.for_each(|sector| content.sync(sector..sector + 1));
                }
            }
        }
        (operated, buffer)
    }

    async fn read(&self, offset: u64, length: usize) -> io::Result<Buffer> {
        assert!(length.is_multiple_of(BLOCK) && offset.is_multiple_of(BLOCK as u64), "whole blocks");
        self.0.disk.operate("read", Path::new(&self.0.name)).await?;
        let mut platter = self.0.disk.platter.borrow_mut();
        let content = platter.content(self.0.id).ok_or(io::ErrorKind::NotFound)?;
        if offset + length as u64 > content.bytes() as u64 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let mut buffer = Buffer::zeroed(length);
        buffer.copy_from_slice(&content.read(offset as usize, length));
        Ok(buffer)
    }

    fn bytes(&self) -> u64 {
        self.0.bytes
    }
}
