//! The console with a person at it: banner, prompt, line editing, history, completion, paging.

use super::connection::Connection;
use super::endpoint::Endpoint;
use super::pager::Pager;
use super::{Outcome, enter, quote};
use console::Status;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::Validator;
use rustyline::{CompletionType, Config, Context, EditMode, Editor, Helper};
use std::borrow::Cow;
use std::cell::RefCell;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::rc::Rc;

const HISTORY: &str = ".ec_console_history";
const HISTORY_LINES: usize = 1000;

type Shared = Rc<RefCell<Connection>>;

pub fn converse(connection: Connection, endpoint: &Endpoint) -> Outcome {
    let connection = Rc::new(RefCell::new(connection));
    let mut editor = match editor(&connection) {
        Ok(editor) => editor,
        Err(error) => {
            eprintln!("impetus: this terminal cannot be used: {error}");
            return Outcome::Failed;
        }
    };
    let history = home().map(|home| home.join(HISTORY));
    if let Some(history) = &history {
        // The first time there is none.
        let _ = editor.load_history(history);
    }
    if let Ok(banner) = connection.borrow_mut().ask("version") {
        print!("{}", banner.text);
    }
    let outcome = read_lines(&mut editor, &connection, endpoint);
    if let Some(history) = &history {
        // A home that cannot be written to is no reason to complain at the end of each session.
        let _ = editor.save_history(history);
    }
    outcome
}

fn read_lines(
    editor: &mut Editor<Assistant, DefaultHistory>,
    connection: &Shared,
    endpoint: &Endpoint,
) -> Outcome {
    let mut is_paged = false;
    loop {
        let (hour, minute, second) = runtime::local_time_of_day();
        match editor.readline(&format!("{hour:02}:{minute:02}:{second:02} {endpoint}> ")) {
            Ok(line) => match line.trim() {
                "" => {}
                "quit" | "exit" => return Outcome::Done,
                "\\pager" => {
                    is_paged = !is_paged;
                    println!("pager {}", if is_paged { "on" } else { "off" });
                }
                line => {
                    // What cannot be remembered can still be done.
                    let _ = editor.add_history_entry(line);
                    if connection.borrow_mut().is_closed() {
                        match enter(endpoint) {
                            Ok(again) => drop(connection.replace(again)),
                            Err(outcome) => return outcome,
                        }
                    }
                    if let Err(error) = answer(connection, line, is_paged) {
                        eprintln!("impetus: the server went away: {error}");
                        return Outcome::NoServer;
                    }
                }
            },
            Err(ReadlineError::Interrupted) => {}
            Err(_) => return Outcome::Done,
        }
    }
}

fn answer(connection: &Shared, line: &str, is_paged: bool) -> io::Result<()> {
    let mut pager = Pager::new(is_paged);
    connection.borrow_mut().ask_into(line, &mut |piece| pager.show(piece))?;
    pager.end()?;
    io::stdout().flush()
}

fn editor(connection: &Shared) -> rustyline::Result<Editor<Assistant, DefaultHistory>> {
    let builder = Config::builder()
        .max_history_size(HISTORY_LINES)?
        .history_ignore_space(true)
        .completion_type(CompletionType::List)
        .edit_mode(edit_mode());
    let mut editor = Editor::with_config(builder.build())?;
    editor.set_helper(Some(Assistant { connection: connection.clone() }));
    Ok(editor)
}

/// `~/.inputrc` and `~/.editrc` may ask for the keys of vi; the second wins (console.md §2).
fn edit_mode() -> EditMode {
    let mut mode = EditMode::Emacs;
    let files = home().into_iter().flat_map(|home| [home.join(".inputrc"), home.join(".editrc")]);
    for text in files.filter_map(|file| fs::read_to_string(file).ok()) {
        for line in text.lines() {
            match line.split_whitespace().collect::<Vec<_>>()[..] {
                ["set", "editing-mode", "vi"] | ["bind", "-v"] => mode = EditMode::Vi,
                ["set", "editing-mode", "emacs"] | ["bind", "-e"] => mode = EditMode::Emacs,
                _ => {}
            }
        }
    }
    mode
}

fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").map(PathBuf::from).filter(|home| !home.as_os_str().is_empty())
}

/// https://no-color.org: any value but the empty one.
fn is_coloured() -> bool {
    let forbidden = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    !forbidden && io::stdout().is_terminal()
}

/// Completes with words that the server offers, and colours the prompt.
struct Assistant {
    connection: Shared,
}

impl Helper for Assistant {}
impl Hinter for Assistant {
    type Hint = String;
}
impl Validator for Assistant {}

impl Highlighter for Assistant {
    fn highlight_prompt<'b, 's: 'b, 'p: 'b>(&'s self, prompt: &'p str, _default: bool) -> Cow<'b, str> {
        match is_coloured() {
            true => Cow::Owned(format!("\x1b[1m{prompt}\x1b[0m")),
            false => Cow::Borrowed(prompt),
        }
    }
}

impl Completer for Assistant {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let before = &line[..at];
        let start = before.rfind(char::is_whitespace).map_or(0, |blank| blank + 1);
        let answer = self.connection.borrow_mut().ask(&format!("complete {}", quote(before)));
        let words = answer.ok().filter(|answer| answer.status == Status::Ok).map(|answer| answer.text);
        let pair = |word: &str| Pair { display: word.to_owned(), replacement: format!("{word} ") };
        Ok((start, words.unwrap_or_default().lines().map(pair).collect()))
    }
}
