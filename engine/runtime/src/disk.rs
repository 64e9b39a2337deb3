//! Files of the spool. Blocks go through the ring, past the page cache; names go through a helper thread,
//! because no ring makes a folder listing and a rename must be followed by a sync of its folder.
//!
//! Law: a commit is a write and a data sync linked to it, on blocks that were zeroed when the file was
//! made; any error or short write is the commit's failure.

use crate::RealWorld;
use crate::ring::{Role, Target};
use crate::world::Shard;
use io_uring::{opcode, types};
use mail::Time;
use std::cell::{Cell, RefCell};
use std::fs;
use std::future::poll_fn;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::task::{Poll, Waker};
use world::{BLOCK, Buffer, Disk, Entry, File};

/// Zeros written at once when a file is made.
const ZERO_BYTES: usize = 1 << 20;
/// Files of the spool are read by nobody else.
const FILE_MODE: u32 = 0o600;

/// An open file; the last clone or operation closes it.
#[derive(Clone)]
pub struct RealFile(Rc<Open>);

struct Open {
    shard: Rc<Shard>,
    file: fs::File,
    bytes: u64,
}

impl Disk for RealWorld {
    type File = RealFile;

    async fn create_folder(&self, path: &Path) -> io::Result<()> {
        let path = path.to_owned();
        aside(move || create_folder(&path)).await
    }

    async fn list(&self, path: &Path) -> io::Result<Vec<Entry>> {
        let path = path.to_owned();
        aside(move || fs::read_dir(path)?.filter_map(|entry| described(entry).transpose()).collect()).await
    }

    async fn create_zeroed(&self, path: &Path, bytes: u64) -> io::Result<RealFile> {
        if !bytes.is_multiple_of(BLOCK as u64) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let made = path.to_owned();
        let file = aside(move || options().create_new(true).mode(FILE_MODE).open(made)).await?;
        let file = RealFile(Rc::new(Open { shard: self.0.clone(), file, bytes }));
        let zeroed = file.zero(path).await;
        if zeroed.is_err() {
            // What is half made must not be found as a segment; if it cannot be removed either, the
            // first error is the one that tells why.
            let _ = self.remove(path).await;
        }
        zeroed.map(|()| file)
    }

    async fn open(&self, path: &Path) -> io::Result<RealFile> {
        let path = path.to_owned();
        let (file, bytes) = aside(move || {
            let file = options().open(path)?;
            let bytes = file.metadata()?.len();
            io::Result::Ok((file, bytes))
        })
        .await?;
        Ok(RealFile(Rc::new(Open { shard: self.0.clone(), file, bytes })))
    }

    async fn remove(&self, path: &Path) -> io::Result<()> {
        let path = path.to_owned();
        aside(move || {
            fs::remove_file(&path)?;
            sync_folder_of(&path)
        })
        .await
    }

    async fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        let (from, to) = (from.to_owned(), to.to_owned());
        aside(move || {
            fs::rename(&from, &to)?;
            sync_folder_of(&to)
        })
        .await
    }
}

impl File for RealFile {
    async fn commit(&self, offset: u64, buffer: Buffer) -> (io::Result<()>, Buffer) {
        let file = types::Fd(self.0.file.as_raw_fd());
        let write = opcode::Write::new(file, buffer.as_ptr(), buffer.len() as u32).offset(offset).build();
        let sync = opcode::Fsync::new(file).flags(types::FsyncFlags::DATASYNC).build();
        let commit = Rc::new(Commit {
            _open: self.0.clone(),
            buffer: RefCell::new(Some(buffer)),
            end: Cell::new(None),
            waker: RefCell::new(None),
        });
        // SAFETY: the write points to the buffer's heap block, which the commit keeps until it is told the
        // end; the descriptor stays open as long.
        unsafe { self.0.shard.ring.start_linked(commit.clone(), write, sync) };
        poll_fn(|context| match commit.outcome() {
            Some(outcome) => Poll::Ready(outcome),
            None => {
                *commit.waker.borrow_mut() = Some(context.waker().clone());
                Poll::Pending
            }
        })
        .await
    }

    async fn read(&self, offset: u64, length: usize) -> io::Result<Buffer> {
        assert!(length.is_multiple_of(BLOCK) && offset.is_multiple_of(BLOCK as u64), "whole blocks");
        let mut buffer = Buffer::zeroed(length);
        let mut filled = 0;
        while filled < length {
            let (read, (_, back)) = self.read_once(offset, buffer, filled).await;
            buffer = back;
            match read {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => filled += count as usize,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            // A count that ends within a block is the end of the file: the rest cannot be asked for.
            if !filled.is_multiple_of(BLOCK) {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
        }
        Ok(buffer)
    }

    fn bytes(&self) -> u64 {
        self.0.bytes
    }
}

impl RealFile {
    async fn read_once(
        &self,
        offset: u64,
        buffer: Buffer,
        filled: usize,
    ) -> (io::Result<u32>, (Rc<Open>, Buffer)) {
        let file = types::Fd(self.0.file.as_raw_fd());
        // SAFETY: the entry points into the buffer's heap block and names the file: both are the payload.
        unsafe {
            self.0.shard.run((self.0.clone(), buffer), Time::NEVER, |(_, buffer)| {
                let rest = &mut buffer[filled..];
                let read = opcode::Read::new(file, rest.as_mut_ptr(), rest.len() as u32);
                read.offset(offset + filled as u64).build()
            })
        }
        .await
    }

    async fn zero(&self, path: &Path) -> io::Result<()> {
        let mut offset = 0;
        let mut zeros = Buffer::zeroed(ZERO_BYTES.min(self.0.bytes as usize));
        while offset < self.0.bytes {
            let length = (self.0.bytes - offset).min(zeros.len() as u64) as u32;
            let file = types::Fd(self.0.file.as_raw_fd());
            // SAFETY: the entry points to the buffer's heap block and names the file: both are the payload.
            let (written, (_, back)) = unsafe {
                self.0.shard.run((self.0.clone(), zeros), Time::NEVER, |(_, zeros)| {
                    opcode::Write::new(file, zeros.as_ptr(), length).offset(offset).build()
                })
            }
            .await;
            zeros = back;
            if written? != length {
                return Err(io::ErrorKind::WriteZero.into());
            }
            offset += u64::from(length);
        }
        let file = self.0.file.try_clone()?;
        let path = path.to_owned();
        aside(move || {
            file.sync_all()?;
            sync_folder_of(&path)
        })
        .await
    }
}

/// A write and its sync. Keeps the buffer until they have ended.
struct Commit {
    _open: Rc<Open>,
    buffer: RefCell<Option<Buffer>>,
    end: Cell<Option<(Role, i32)>>,
    waker: RefCell<Option<Waker>>,
}

impl Commit {
    fn outcome(&self) -> Option<(io::Result<()>, Buffer)> {
        let result = match self.end.get()? {
            (_, failed @ ..0) => Err(io::Error::from_raw_os_error(-failed)),
            (Role::Sync, _) => Ok(()),
            // A write that completes by itself, with a count, fell short.
            _ => Err(io::ErrorKind::WriteZero.into()),
        };
        Some((result, self.buffer.take().expect("an outcome is taken once")))
    }
}

impl Target for Commit {
    fn completed(self: Rc<Self>, role: Role, result: i32, _flags: u32) {
        self.end.set(Some((role, result)));
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }
}

/// Runs what blocks on the executor's helper thread.
async fn aside<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    glommio::executor().spawn_blocking(work).await
}

fn options() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true).custom_flags(libc::O_DIRECT);
    options
}

/// None: removed since the folder was read. A name that is no text is none of ours, and shown as it can be.
fn described(entry: io::Result<fs::DirEntry>) -> io::Result<Option<Entry>> {
    let entry = entry?;
    let found = match entry.metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        found => found?,
    };
    let name = entry.file_name().to_string_lossy().into_owned();
    Ok(Some(Entry { name, bytes: found.len(), is_folder: found.is_dir() }))
}

/// Makes what is missing, from the top, each synced in its parent before the next.
fn create_folder(path: &Path) -> io::Result<()> {
    let mut missing: Vec<PathBuf> = Vec::new();
    for folder in path.ancestors() {
        if folder.as_os_str().is_empty() || folder.is_dir() {
            break;
        }
        missing.push(folder.to_owned());
    }
    for folder in missing.into_iter().rev() {
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => {}
            made => made?,
        }
        sync_folder_of(&folder)?;
    }
    Ok(())
}

fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::File::open(folder)?.sync_all()
}
