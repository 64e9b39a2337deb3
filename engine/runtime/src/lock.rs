//! One engine per spool: a lock on the folder that ends with the process, however it ends.

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// Held until dropped.
#[derive(Debug)]
pub struct FolderLock {
    _folder: File,
}

#[derive(Debug)]
pub enum NotLocked {
    /// Another process works in this folder.
    Held,
    /// The folder cannot be opened or locked at all.
    Failed(io::Error),
}

impl FolderLock {
    /// Does not wait.
    pub fn take(folder: &Path) -> Result<FolderLock, NotLocked> {
        let file = File::open(folder).map_err(NotLocked::Failed)?;
        // SAFETY: a system call on a descriptor that `file` owns.
        if unsafe { libc::flock(file.as_raw_fd(), libc::LOCK_EX | libc::LOCK_NB) } == 0 {
            return Ok(FolderLock { _folder: file });
        }
        match io::Error::last_os_error() {
            error if error.kind() == io::ErrorKind::WouldBlock => Err(NotLocked::Held),
            error => Err(NotLocked::Failed(error)),
        }
    }
}
