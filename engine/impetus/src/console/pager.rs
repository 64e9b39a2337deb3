//! Shows an answer: at once, or through `$PAGER` when it is taller than the window and paging is on.

use std::io::{self, Write};
use std::process::{Child, Command, Stdio};

/// An answer as it comes. What fits the window is printed when it is complete.
pub struct Pager {
    /// Lines of the window; none if nothing is paged.
    window: Option<usize>,
    held: Vec<u8>,
    child: Option<Child>,
}

impl Pager {
    pub fn new(is_on: bool) -> Pager {
        Pager { window: runtime::window_lines().filter(|_| is_on), held: Vec::new(), child: None }
    }

    pub fn show(&mut self, piece: &[u8]) -> io::Result<()> {
        if let Some(child) = &mut self.child {
            // Whoever leaves the pager early has seen enough; the rest is still read from the server.
            let _ = child.stdin.as_mut().map_or(Ok(()), |pipe| pipe.write_all(piece));
            return Ok(());
        }
        let Some(window) = self.window else { return io::stdout().write_all(piece) };
        self.held.extend_from_slice(piece);
        let lines = self.held.iter().filter(|byte| **byte == b'\n').count();
        if lines < window {
            return Ok(());
        }
        let held = std::mem::take(&mut self.held);
        match page() {
            Ok(child) => {
                self.child = Some(child);
                self.show(&held)
            }
            Err(error) => {
                eprintln!("impetus: the pager does not start: {error}");
                self.window = None;
                io::stdout().write_all(&held)
            }
        }
    }

    pub fn end(self) -> io::Result<()> {
        if let Some(mut child) = self.child {
            drop(child.stdin.take());
            child.wait()?;
            return Ok(());
        }
        io::stdout().write_all(&self.held)?;
        io::stdout().flush()
    }
}

/// `$PAGER` by the shell, for it may have arguments.
fn page() -> io::Result<Child> {
    let pager = std::env::var("PAGER").ok().filter(|pager| !pager.is_empty());
    let pager = pager.unwrap_or_else(|| "more".to_owned());
    Command::new("/bin/sh").args(["-c", &pager]).stdin(Stdio::piped()).spawn()
}
