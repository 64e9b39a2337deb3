//! Other programs: run to their end within a bound, or kept in the background until dropped.
//!
//! The law: only our own children are signalled, and each is reaped.

use crate::patience::poll;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;

/// What a program left behind.
#[derive(Clone, Debug)]
pub struct Ended {
    pub status: ExitStatus,
    pub out: String,
    pub err: String,
}

impl Ended {
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// Panics with all that it said unless it ended well.
    #[track_caller]
    pub fn well(self) -> Ended {
        assert!(self.status.success(), "{}\n{}\n{}", self.status, self.out, self.err);
        self
    }
}

/// Whether other people's programs are here. In CI a missing one is a failure; elsewhere its tests say that they
/// were left out, so that a machine with nothing but Rust and a C compiler can run the rest.
#[track_caller]
pub fn are_installed(programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|program| !Path::new(program).exists()).collect();
    if missing.is_empty() {
        return true;
    }
    assert!(std::env::var_os("CI").is_none(), "{missing:?} missing: run tests/interop/install");
    eprintln!("left out: {missing:?} missing; tests/interop/install brings them");
    false
}

/// Runs to the end; panics if the program is missing. One that does not end is killed.
#[track_caller]
pub fn run(command: &mut Command) -> Ended {
    run_with_input(command, b"")
}

#[track_caller]
pub fn run_with_input(command: &mut Command, input: &[u8]) -> Ended {
    let pipes = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut background = Background::start(pipes);
    let child = &mut background.0;
    let (mut stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    thread::scope(|scope| {
        let out = scope.spawn(|| drained(stdout));
        let err = scope.spawn(|| drained(stderr));
        if let Some(mut pipe) = stdin.take() {
            // A program that does not read its input has closed it.
            let _ = pipe.write_all(input);
        }
        let status = background.ended_or_killed();
        let text = |bytes: thread::Result<Vec<u8>>| {
            String::from_utf8_lossy(&bytes.expect("reading a pipe does not panic")).into_owned()
        };
        Ended { status, out: text(out.join()), err: text(err.join()) }
    })
}

fn drained(pipe: Option<impl Read>) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(mut pipe) = pipe {
        // What came before the pipe broke is still worth reading.
        let _ = pipe.read_to_end(&mut bytes);
    }
    bytes
}

/// A program that runs beside the test; killed and reaped when dropped.
#[derive(Debug)]
pub struct Background(Child);

impl Background {
    #[track_caller]
    pub fn start(command: &mut Command) -> Background {
        let program = Path::new(command.get_program()).display().to_string();
        match command.spawn() {
            Ok(child) => Background(child),
            Err(error) => panic!("{program} does not start: {error}; tests/interop/install installs it"),
        }
    }

    pub fn process(&self) -> u32 {
        self.0.id()
    }

    /// The status if it has ended.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.0.try_wait().expect("our own child can be waited for")
    }

    /// Waits for its end, within the bound.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        match poll(|| self.has_ended()) {
            Some(status) => status,
            None => panic!("process {} does not end", self.process()),
        }
    }

    /// As `ended`, but a program that does not end is killed, which shows in its status.
    fn ended_or_killed(&mut self) -> ExitStatus {
        poll(|| self.has_ended()).unwrap_or_else(|| {
            self.kill();
            self.0.wait().expect("our own child can be waited for")
        })
    }

    /// SIGKILL, then the funeral.
    pub fn kill(&mut self) {
        // Both fail only where nothing is left to be done.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Sends a signal by name, such as `TERM`, to a child that was not reaped yet.
pub fn signal(process: u32, name: &str) {
    run(Command::new("/bin/kill").arg(format!("-{name}")).arg(process.to_string())).well();
}
