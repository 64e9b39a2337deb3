//! A disk that takes no more. Alone in its process, because it sets the limit of all its files.

use runtime::{PanicHook, RealWorld, run_on_thread};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use world::{BLOCK, Buffer, Disk, File};

fn strict() -> PanicHook {
    Arc::new(|task, message| panic!("{task}: {message}"))
}

fn folder(name: &str) -> PathBuf {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    folder
}

fn filled(blocks: usize, byte: u8) -> Buffer {
    let mut buffer = Buffer::zeroed(blocks * BLOCK);
    buffer.fill(byte);
    buffer
}

/// The write that fails must fail the commit, although the sync after it would succeed.
#[test]
fn a_write_that_fails_or_is_short_fails_the_commit() {
    let folder = folder("failing");
    run_on_thread(strict(), move |world: RealWorld| async move {
        world.create_folder(&folder).await.unwrap();
        let file = world.create_zeroed(&folder.join("s"), 4 * BLOCK as u64).await.unwrap();
        // O_DIRECT refuses an offset within a block.
        let (result, buffer) = file.commit(100, filled(1, b'x')).await;
        assert_eq!(result.err().and_then(|error| error.raw_os_error()), Some(libc::EINVAL));
        assert_eq!(buffer.len(), BLOCK);
        // A full device, as far as this process is concerned: six blocks fit, of eight.
        limit_file_size(6 * BLOCK as u64);
        let (result, _) = file.commit(0, filled(8, b'y')).await;
        assert_eq!(result.err().map(|error| error.kind()), Some(io::ErrorKind::WriteZero));
        let (result, _) = file.commit(6 * BLOCK as u64, filled(1, b'z')).await;
        assert_eq!(result.err().and_then(|error| error.raw_os_error()), Some(libc::EFBIG));
        let made = world.create_zeroed(&folder.join("t"), 8 * BLOCK as u64).await.err();
        assert_eq!(made.map(|error| error.kind()), Some(io::ErrorKind::WriteZero));
        limit_file_size(u64::MAX);
        // What failed half-made was removed; the file that failed is usable for the kernel, if not for us.
        assert_eq!(world.list(&folder).await.unwrap().len(), 1);
        let read = std::fs::File::open(folder.join("s")).unwrap();
        let mut byte = [0];
        read.read_exact_at(&mut byte, 5 * BLOCK as u64).unwrap();
        assert_eq!(byte, *b"y");
    })
    .unwrap();
}

fn limit_file_size(bytes: u64) {
    // SAFETY: plain calls on this process; the soft limit alone moves, and can be raised again. Without
    // its signal the limit is an error of the write.
    unsafe {
        libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
        let mut limit = std::mem::zeroed();
        assert_eq!(libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit), 0);
        limit.rlim_cur = bytes;
        assert_eq!(libc::setrlimit(libc::RLIMIT_FSIZE, &limit), 0);
    }
}
