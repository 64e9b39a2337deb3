//! `impetus console`, also `ec_console`: talks to a running server (spec console.md §2).
//!
//! Exit status: 0 done, 1 the server answered with an error, 2 no server, 3 it does not believe who we are, 4 the
//! command is not for us, 64 a wrong command line.

mod connection;
mod endpoint;
mod pager;
mod terminal;

use crate::arguments::Arguments;
use crate::usage;
use connection::Connection;
use console::{NOT_AUTHORIZED, Status};
use endpoint::Endpoint;
use mail::MessageId;
use std::fs::File;
use std::io::{self, BufRead, IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

/// The endpoint of Momentum, and that of a server that runs without a configuration.
const DEFAULTS: [&str; 2] = ["/tmp/2025", "var/control.sock"];

/// What a session ended with, the better first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Done = 0,
    Failed = 1,
    NoServer = 2,
    NotBelieved = 3,
    NotAuthorized = 4,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        ExitCode::from(outcome as u8)
    }
}

/// `[--format text|json] [ENDPOINT] [COMMAND...]`, `--scram USER`, or `--man`.
pub fn console(arguments: Arguments) -> ExitCode {
    visit(arguments, None)
}

/// `[--format text|json] [ENDPOINT] MESSAGE-ID | BINDING DOMAIN`: the command of the console of that name.
pub fn why(arguments: Arguments) -> ExitCode {
    visit(arguments, Some("why"))
}

/// The words are what follows `command`, if one is given.
fn visit(mut arguments: Arguments, command: Option<&str>) -> ExitCode {
    let socket = match arguments.value(&["--socket"]) {
        Ok(socket) => socket,
        Err(problem) => return usage(&problem),
    };
    let mut words = arguments.rest();
    if words.first().is_some_and(|word| word == "--man") {
        print!("{}", manual());
        return ExitCode::SUCCESS;
    }
    if let [switch, user] = &words[..]
        && switch == "--scram"
    {
        return print_verifier(user);
    }
    let named = match words.first() {
        _ if socket.is_some() => socket,
        // The identity of a message looks like a path.
        Some(word) if Endpoint::is_meant_by(word) && word.parse::<MessageId>().is_err() => {
            Some(words.remove(0))
        }
        _ => None,
    };
    if let Some(command) = command {
        if words.is_empty() {
            return usage(&format!("{command} needs to know what is asked about: see impetus help"));
        }
        words.insert(0, command.to_owned());
    }
    let endpoint = named.unwrap_or_else(|| {
        let found = DEFAULTS.into_iter().find(|path| Path::new(path).exists());
        found.unwrap_or(DEFAULTS[0]).to_owned()
    });
    let endpoint = match Endpoint::read(&endpoint) {
        Ok(endpoint) => endpoint,
        Err(problem) => return usage(&problem),
    };
    match enter(&endpoint) {
        Ok(connection) => talk(connection, &endpoint, words).into(),
        Err(outcome) => outcome.into(),
    }
}

/// Rounds that a guess costs (RFC 7677 §4 asks for 4096 at least).
const SCRAM_ROUNDS: u32 = 15_000;

/// A line for a `scram://` file; the password is asked for.
fn print_verifier(user: &str) -> ExitCode {
    let mut salt = [0; 16];
    let salted = File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut salt));
    match salted.and_then(|()| password()) {
        Ok(password) => {
            println!("{}", console::verifier(user, &password, &salt, SCRAM_ROUNDS));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("impetus: no password: {error}");
            Outcome::Failed.into()
        }
    }
}

/// From the environment, or from the terminal.
fn password() -> io::Result<String> {
    std::env::var("EC_CONSOLE_PASSWORD").or_else(|_| runtime::read_password("Password:"))
}

/// Connects, and proves who we are if that is asked for.
fn enter(endpoint: &Endpoint) -> Result<Connection, Outcome> {
    let failed = |error: io::Error| {
        eprintln!("impetus: no server answers at {endpoint}: {error}");
        Outcome::NoServer
    };
    let mut connection = Connection::open(endpoint).map_err(failed)?;
    if connection.is_known() {
        return Ok(connection);
    }
    eprintln!("{}", console::AUTHORIZATION_REQUIRED);
    let user = endpoint.user().map(str::to_owned).or_else(|| std::env::var("USER").ok()).unwrap_or_default();
    match password().and_then(|password| connection.authenticate(&user, &password)) {
        Ok(true) => Ok(connection),
        Ok(false) => {
            eprintln!("impetus: {endpoint} does not believe that you are {user}");
            Err(Outcome::NotBelieved)
        }
        Err(error) => {
            eprintln!("impetus: cannot prove who you are: {error}");
            Err(Outcome::NotBelieved)
        }
    }
}

fn talk(mut connection: Connection, endpoint: &Endpoint, words: Vec<String>) -> Outcome {
    if !words.is_empty() {
        return ask(&mut connection, &line_of(&words));
    }
    if io::stdin().is_terminal() {
        return terminal::converse(connection, endpoint);
    }
    let mut worst = Outcome::Done;
    for line in io::stdin().lock().lines() {
        match line.as_deref().map(str::trim) {
            Ok("quit" | "exit") => break,
            Ok(line) => worst = worst.max(ask(&mut connection, line)),
            Err(_) => return Outcome::Failed,
        }
        if worst == Outcome::NoServer {
            break;
        }
    }
    worst
}

/// One command, its answer on standard output.
fn ask(connection: &mut Connection, line: &str) -> Outcome {
    let mut first = Vec::new();
    let answered = connection.ask_into(line, &mut |piece| {
        if first.is_empty() {
            first.extend_from_slice(&piece[..piece.len().min(NOT_AUTHORIZED.len())]);
        }
        // A reader that has seen enough, such as head, is no fault.
        match io::stdout().write_all(piece) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
            written => written,
        }
    });
    let _ = io::stdout().flush();
    outcome(answered, &first)
}

/// What an answer that begins with these bytes means for the exit status.
fn outcome(answered: io::Result<Status>, first: &[u8]) -> Outcome {
    match answered {
        Ok(Status::Ok) => Outcome::Done,
        Ok(_) if first == NOT_AUTHORIZED.as_bytes() => Outcome::NotAuthorized,
        Ok(_) => Outcome::Failed,
        Err(error) => {
            eprintln!("impetus: the server went away: {error}");
            Outcome::NoServer
        }
    }
}

/// A line that falls into these words again; one word alone is a line already.
fn line_of(words: &[String]) -> String {
    if let [line] = words {
        return line.clone();
    }
    let quoted = words.iter().map(|word| {
        let is_plain =
            !word.is_empty() && !word.contains(|c: char| c.is_whitespace() || matches!(c, '"' | '#'));
        if is_plain { word.clone() } else { quote(word) }
    });
    quoted.collect::<Vec<_>>().join(" ")
}

fn quote(word: &str) -> String {
    format!("\"{}\"", word.replace('\\', "\\\\").replace('"', "\\\""))
}

fn manual() -> String {
    let mut text = String::from(
        "impetus console, ec_console: talks to a running server\n\n\
         usage: impetus console [--format text|json] [ENDPOINT] [COMMAND...]\n\n\
         ENDPOINT is the path of a socket (/tmp/2025 if none is given), address:port or user@address:port.\n\
         With a COMMAND, or if standard input is no terminal, commands are carried out and their answers printed;\n\
         else lines are asked for, with history and completion. \\pager shows long answers in $PAGER, quit leaves.\n\
         --scram USER asks for a password and prints a line for the file of AuthScramSHA256Parameters.\n\
         EC_CONSOLE_PASSWORD is the password if there is no terminal to ask at; NO_COLOR is obeyed.\n\n\
         Exit status: 0 done, 1 the server answered with an error, 2 no server, 3 authentication refused,\n\
         4 not authorized, 64 a wrong command line.\n\nCommands:\n\n",
    );
    for command in shard::commands().iter().filter(|command| !command.is_hidden) {
        text.push_str(&console::explain(command));
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_the_command_line_stay_words() {
        for (words, line) in [
            (vec!["summary"], "summary"),
            (vec!["flush domain all"], "flush domain all"),
            (
                vec!["fail", "domain", "a.example", "no # note", "\"q\\\""],
                r##"fail domain a.example "no # note" "\"q\\\"""##,
            ),
            (vec!["say", ""], "say \"\""),
        ] {
            let words: Vec<String> = words.into_iter().map(String::from).collect();
            let made = line_of(&words);
            assert_eq!(made, line);
            if words.len() > 1 {
                assert_eq!(console::words(&made).expect("words"), words);
            }
        }
    }

    #[test]
    fn the_exit_status_tells_denials_from_errors() {
        assert_eq!(outcome(Ok(Status::Ok), b""), Outcome::Done);
        assert_eq!(outcome(Ok(Status::Err), b"Not Authorized for this command"), Outcome::NotAuthorized);
        assert_eq!(outcome(Ok(Status::Err), b"Unknown command: x"), Outcome::Failed);
        assert_eq!(outcome(Err(io::ErrorKind::UnexpectedEof.into()), b""), Outcome::NoServer);
    }
}
