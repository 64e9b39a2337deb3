//! The signals that an operator or a supervisor sends, as calls of a function on a thread of their own.
//!
//! Law: `block` before any other thread starts; threads inherit the mask, and a signal that one of them does
//! not block would end the process there.

use std::io;
use std::thread;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessSignal {
    Terminate,
    Interrupt,
    HangUp,
    User1,
}

const HEARD: [(i32, ProcessSignal); 4] = [
    (libc::SIGTERM, ProcessSignal::Terminate),
    (libc::SIGINT, ProcessSignal::Interrupt),
    (libc::SIGHUP, ProcessSignal::HangUp),
    (libc::SIGUSR1, ProcessSignal::User1),
];

/// The signals are blocked in this thread and those that it starts, and wait until they are heard.
pub struct Signals(libc::sigset_t);

impl Signals {
    pub fn block() -> io::Result<Signals> {
        // SAFETY: the set is initialised by `sigemptyset` before it is used, and all calls fill locals.
        let (set, result) = unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            for (number, _) in HEARD {
                libc::sigaddset(&mut set, number);
            }
            (set, libc::pthread_sigmask(libc::SIG_BLOCK, &set, std::ptr::null_mut()))
        };
        if result == 0 { Ok(Signals(set)) } else { Err(io::Error::from_raw_os_error(result)) }
    }

    /// Calls `heard` for each signal, on a thread that lives as long as the process.
    pub fn hear(self, heard: impl Fn(ProcessSignal) + Send + 'static) -> io::Result<()> {
        let listen = move || {
            loop {
                let mut number = 0;
                // SAFETY: the set was initialised by `block`; the number is a local.
                let result = unsafe { libc::sigwait(&self.0, &mut number) };
                if let Some((_, signal)) = HEARD.iter().find(|(known, _)| result == 0 && *known == number) {
                    heard(*signal);
                }
            }
        };
        thread::Builder::new().name("signals".into()).spawn(listen).map(|_| ())
    }
}
