//! Files of the spool: zeroed when made, committed whole or not at all, past the page cache.

use runtime::{PanicHook, RealWorld, run_on_thread};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use world::{BLOCK, Buffer, Disk, Entry, File, World};

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

#[test]
fn what_was_committed_is_in_the_file_and_the_rest_is_zero() {
    let folder = folder("commit");
    run_on_thread(strict(), move |world: RealWorld| async move {
        world.create_folder(&folder.join("a/b")).await.unwrap();
        world.create_folder(&folder.join("a/b")).await.unwrap();
        let path = folder.join("a/b/1.segment");
        let bytes = (2 << 20) + 4 * BLOCK as u64;
        let file = world.create_zeroed(&path, bytes).await.unwrap();
        assert_eq!(file.bytes(), bytes);
        let again = world.create_zeroed(&path, bytes).await.err().unwrap();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
        for (offset, blocks, byte) in [(0, 1, b'a'), (3, 5, b'b'), (512, 4, b'c')] {
            let (done, buffer) = file.commit(offset * BLOCK as u64, filled(blocks, byte)).await;
            done.unwrap();
            assert!(buffer.len() == blocks * BLOCK && buffer.iter().all(|known| *known == byte));
        }
        let seen = std::fs::read(&path).unwrap();
        let expected = |block: usize| match block {
            0 => b'a',
            3..8 => b'b',
            512..516 => b'c',
            _ => 0,
        };
        assert_eq!(seen.len() as u64, bytes);
        for (number, block) in seen.chunks(BLOCK).enumerate() {
            assert!(block.iter().all(|byte| *byte == expected(number)), "block {number}");
        }
        let opened = world.open(&path).await.unwrap();
        assert_eq!(opened.bytes(), bytes);
        let read = opened.read(2 * BLOCK as u64, 3 * BLOCK).await.unwrap();
        assert_eq!(read[..], seen[2 * BLOCK..5 * BLOCK]);
        let beyond = opened.read(bytes - BLOCK as u64, 2 * BLOCK).await.err().unwrap();
        assert_eq!(beyond.kind(), io::ErrorKind::UnexpectedEof);
    })
    .unwrap();
}

#[test]
fn names_are_listed_renamed_and_removed() {
    let folder = folder("names");
    run_on_thread(strict(), move |world: RealWorld| async move {
        assert_eq!(world.list(&folder).await.err().unwrap().kind(), io::ErrorKind::NotFound);
        world.create_folder(&folder.join("0")).await.unwrap();
        world.create_zeroed(&folder.join("x"), BLOCK as u64).await.unwrap();
        world.rename(&folder.join("x"), &folder.join("y")).await.unwrap();
        let mut entries = world.list(&folder).await.unwrap();
        entries.sort_by(|one, other| one.name.cmp(&other.name));
        let names: Vec<_> = entries.iter().map(|entry| (&*entry.name, entry.is_folder)).collect();
        assert_eq!(names, [("0", true), ("y", false)]);
        assert_eq!(entries[1], Entry { name: "y".into(), bytes: BLOCK as u64, is_folder: false });
        world.remove(&folder.join("y")).await.unwrap();
        assert_eq!(world.open(&folder.join("y")).await.err().unwrap().kind(), io::ErrorKind::NotFound);
        let odd = world.create_zeroed(&folder.join("z"), 100).await.err().unwrap();
        assert_eq!(odd.kind(), io::ErrorKind::InvalidInput);
        assert_eq!(world.list(&folder).await.unwrap().len(), 1);
    })
    .unwrap();
}

#[test]
fn many_commits_at_once_all_hold() {
    let folder = folder("many");
    run_on_thread(strict(), move |world: RealWorld| async move {
        world.create_folder(&folder).await.unwrap();
        let file = world.create_zeroed(&folder.join("s"), 256 * BLOCK as u64).await.unwrap();
        let done = world::Signal::default();
        let left = std::rc::Rc::new(std::cell::Cell::new(256));
        for number in 0..256_u64 {
            let (file, left, done) = (file.clone(), left.clone(), done.clone());
            world.spawn("commit", async move {
                file.commit(number * BLOCK as u64, filled(1, number as u8)).await.0.unwrap();
                left.set(left.get() - 1);
                done.raise();
            });
        }
        while left.get() > 0 {
            assert!(done.wait_until(&world, world.now() + std::time::Duration::from_secs(20)).await);
        }
        let seen = file.read(0, 256 * BLOCK).await.unwrap();
        for (number, block) in seen.chunks(BLOCK).enumerate() {
            assert!(block.iter().all(|byte| *byte == number as u8), "block {number}");
        }
    })
    .unwrap();
}
