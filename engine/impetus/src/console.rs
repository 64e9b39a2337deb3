//! `impetus console`: sends commands to a running server and prints its answers.

use crate::arguments::Arguments;
use crate::usage;
use console::Status;
use std::io::{self, BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::ExitCode;

pub fn console(mut arguments: Arguments) -> ExitCode {
    let socket = match arguments.value(&["--socket"]) {
        Ok(socket) => socket.map_or_else(|| PathBuf::from("var/control.sock"), PathBuf::from),
        Err(problem) => return usage(&problem),
    };
    let stream = match UnixStream::connect(&socket) {
        Ok(stream) => stream,
        Err(error) => {
            eprintln!("impetus: no server answers at {}: {error}", socket.display());
            return ExitCode::FAILURE;
        }
    };
    let words = arguments.rest();
    let done = if words.is_empty() { converse(&stream) } else { ask(&stream, &words.join(" ")) };
    match done {
        Ok(Status::Ok) => ExitCode::SUCCESS,
        Ok(Status::Err) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("impetus: the server went away: {error}");
            ExitCode::FAILURE
        }
    }
}

/// One command, its answer on standard output.
fn ask(stream: &UnixStream, command: &str) -> io::Result<Status> {
    let mut writer = stream;
    writeln!(writer, "{command}")?;
    read_answer(&mut BufReader::new(stream))
}

/// Lines from standard input until it ends.
fn converse(stream: &UnixStream) -> io::Result<Status> {
    let mut answers = BufReader::new(stream);
    let mut last = Status::Ok;
    for line in io::stdin().lock().lines() {
        let line = line?;
        if matches!(line.trim(), "quit" | "exit") {
            break;
        }
        let mut writer = stream;
        writeln!(writer, "{line}")?;
        last = read_answer(&mut answers)?;
    }
    Ok(last)
}

fn read_answer(answers: &mut impl BufRead) -> io::Result<Status> {
    let mut line = String::new();
    let mut out = io::stdout().lock();
    loop {
        line.clear();
        if answers.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = line.trim_end_matches(['\r', '\n']);
        if let Some(status) = Status::of_line(text) {
            return Ok(status);
        }
        // A line of the answer that begins with a dot carries one more.
        writeln!(out, "{}", text.strip_prefix('.').unwrap_or(text))?;
    }
}
