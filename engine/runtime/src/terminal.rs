//! What a person at a terminal needs of the system: the time of day, the height of the window, a password that
//! is not shown. For programs that speak with people; no shard comes here.

use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::os::fd::AsRawFd;

/// Hour, minute and second where this machine is.
pub fn local_time_of_day() -> (u32, u32, u32) {
    // SAFETY: both calls write to locals of ours only; a null pointer asks `time` to return its value.
    let local = unsafe {
        let now = libc::time(std::ptr::null_mut());
        let mut local: libc::tm = std::mem::zeroed();
        libc::localtime_r(&now, &mut local);
        local
    };
    let small = |part: libc::c_int| u32::try_from(part).unwrap_or(0);
    (small(local.tm_hour), small(local.tm_min), small(local.tm_sec))
}

/// Lines of the window that standard output goes to; none if it is no terminal.
pub fn window_lines() -> Option<usize> {
    let mut size = libc::winsize { ws_row: 0, ws_col: 0, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the kernel writes a winsize, which is what `size` is.
    let result = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &mut size) };
    (result == 0 && size.ws_row > 0).then_some(usize::from(size.ws_row))
}

/// Asks for a password at the terminal of this process, and does not show it.
pub fn read_password(prompt: &str) -> io::Result<String> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(prompt.as_bytes())?;
    let silence = Silence::over(&terminal)?;
    let mut line = String::new();
    BufReader::new(&terminal).read_line(&mut line)?;
    drop(silence);
    terminal.write_all(b"\n")?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// The terminal shows nothing of what is typed until this is dropped.
struct Silence<'a> {
    terminal: &'a File,
    before: libc::termios,
}

impl<'a> Silence<'a> {
    fn over(terminal: &'a File) -> io::Result<Silence<'a>> {
        // SAFETY: a termios of zeros is one; the kernel fills it in.
        let mut before: libc::termios = unsafe { std::mem::zeroed() };
        // SAFETY: `before` is a termios of ours.
        if unsafe { libc::tcgetattr(terminal.as_raw_fd(), &mut before) } != 0 {
            return Err(io::Error::last_os_error());
        }
        let silence = Silence { terminal, before };
        silence.set(libc::termios { c_lflag: before.c_lflag & !libc::ECHO, ..before })?;
        Ok(silence)
    }

    fn set(&self, attributes: libc::termios) -> io::Result<()> {
        // SAFETY: `attributes` is a termios of ours, only read.
        match unsafe { libc::tcsetattr(self.terminal.as_raw_fd(), libc::TCSAFLUSH, &attributes) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }
}

impl Drop for Silence<'_> {
    fn drop(&mut self) {
        // The terminal may be gone; then nobody is left to see anything.
        let _ = self.set(self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_time_of_day_is_one() {
        let (hour, minute, second) = local_time_of_day();
        assert!(hour < 24 && minute < 60 && second <= 60);
    }
}
