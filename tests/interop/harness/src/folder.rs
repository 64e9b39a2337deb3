//! A folder for one test, on a real file system: the spool is opened with O_DIRECT.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

static MADE: AtomicU32 = AtomicU32::new(0);

/// Removed when dropped, unless the test fails: then it stays to be looked at.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(below: &str, name: &str) -> Folder {
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = Path::new(below).join(format!("{name}-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).expect("the folder of the test can be made");
        Folder(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.file(name);
        fs::write(&path, content).expect("files can be written in the folder of the test");
        path
    }

    /// Empty if there is no such file yet.
    pub fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.file(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("left to be looked at: {}", self.0.display());
        } else {
            // What cannot be removed is removed with the target folder.
            let _ = fs::remove_dir_all(&self.0);
        }
    }
}
