//! Files of the spool: made whole, written in place by blocks, read by blocks.

use crate::Buffer;
use std::future::Future;
use std::io;
use std::path::Path;

pub trait Disk {
    type File: File;

    /// Creates the folder and its parents where missing, durably.
    fn create_folder(&self, path: &Path) -> impl Future<Output = io::Result<()>>;

    /// The entries of a folder, in no order.
    fn list(&self, path: &Path) -> impl Future<Output = io::Result<Vec<Entry>>>;

    /// Creates a new file of `bytes` zeros, written out and synced together with its folder: a later
    /// write in it changes no metadata. Fails if the name exists.
    fn create_zeroed(&self, path: &Path, bytes: u64) -> impl Future<Output = io::Result<Self::File>>;

    /// Opens an existing file for reading and writing, past the page cache.
    fn open(&self, path: &Path) -> impl Future<Output = io::Result<Self::File>>;

    /// Removes a file, durably.
    fn remove(&self, path: &Path) -> impl Future<Output = io::Result<()>>;

    /// Renames a file within its folder, durably.
    fn rename(&self, from: &Path, to: &Path) -> impl Future<Output = io::Result<()>>;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub name: String,
    pub bytes: u64,
    pub is_folder: bool,
}

/// Closed when dropped. Offsets and lengths are multiples of `BLOCK`.
pub trait File: Clone + 'static {
    /// Writes the buffer at `offset` and syncs it: when this succeeds the bytes survive a power cut.
    /// A short write is an error. After any error nothing is known of the blocks written.
    fn commit(&self, offset: u64, buffer: Buffer) -> impl Future<Output = (io::Result<()>, Buffer)>;

    /// Reads exactly `length` bytes; the end of the file before that is an error.
    fn read(&self, offset: u64, length: usize) -> impl Future<Output = io::Result<Buffer>>;

    /// Size in bytes when it was opened or created.
    fn bytes(&self) -> u64;
}
