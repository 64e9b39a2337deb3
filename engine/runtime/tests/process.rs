//! What concerns the whole process: its signals, its lock, its identity. Without the test harness, whose
//! threads would take the signals.

use runtime::{FolderLock, Identity, NoIdentity, NotLocked, ProcessSignal, Signals};
use std::path::PathBuf;
use std::sync::mpsc::channel;
use std::time::Duration;

fn main() {
    signals_are_heard_one_by_one();
    a_folder_is_locked_until_the_lock_is_dropped();
    names_become_identities();
    // Last, for there is no way back.
    privileges_are_dropped_in_all_threads_for_good();
    println!("4 tests passed");
}

fn signals_are_heard_one_by_one() {
    let (sender, heard) = channel();
    Signals::block().unwrap().hear(move |signal| sender.send(signal).unwrap()).unwrap();
    for (number, signal) in [
        (libc::SIGHUP, ProcessSignal::HangUp),
        (libc::SIGTERM, ProcessSignal::Terminate),
        (libc::SIGUSR1, ProcessSignal::User1),
        (libc::SIGINT, ProcessSignal::Interrupt),
        (libc::SIGHUP, ProcessSignal::HangUp),
    ] {
        // SAFETY: a signal to ourselves, which is blocked and heard.
        assert_eq!(unsafe { libc::kill(libc::getpid(), number) }, 0);
        assert_eq!(heard.recv_timeout(Duration::from_secs(5)), Ok(signal));
    }
    assert!(heard.try_recv().is_err());
}

fn a_folder_is_locked_until_the_lock_is_dropped() {
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("locked");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = FolderLock::take(&folder).unwrap();
    assert!(matches!(FolderLock::take(&folder), Err(NotLocked::Held)));
    drop(lock);
    FolderLock::take(&folder).unwrap();
    assert!(matches!(FolderLock::take(&folder.join("missing")), Err(NotLocked::Failed(_))));
}

fn names_become_identities() {
    let root = Identity::of("root", None).unwrap();
    assert_eq!((root.user, root.group, root.groups.contains(&0)), (0, 0, true));
    assert!(matches!(Identity::of("no such user", None), Err(NoIdentity::UnknownUser)));
    assert!(matches!(Identity::of("root", Some("no such group")), Err(NoIdentity::UnknownGroup)));
    assert!(matches!(Identity::of("a\0b", None), Err(NoIdentity::UnknownUser)));
}

fn privileges_are_dropped_in_all_threads_for_good() {
    // SAFETY: a call without arguments.
    if unsafe { libc::geteuid() } != 0 {
        println!("not root: privileges cannot be dropped here");
        return;
    }
    let (go, wait) = channel();
    let other = std::thread::spawn(move || {
        wait.recv().unwrap();
        // SAFETY: calls without pointers.
        unsafe { (libc::geteuid(), libc::getegid(), libc::setuid(0)) }
    });
    let nobody = Identity::of("nobody", None).unwrap();
    nobody.become_identity().unwrap();
    go.send(()).unwrap();
    assert_eq!(other.join().unwrap(), (nobody.user, nobody.group, -1));
    assert!(nobody.become_identity().is_err(), "setgroups is for root alone");
}
