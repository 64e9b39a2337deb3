//! Files, in the order in which they are read: the base, the master, what they include, the local changes.

use super::{Declaration, Site};
use crate::fault::Fault;
use crate::include::{LoadFault, Loaded, candidates, join, scheme};
use crate::registry::Ground;
use crate::snapshot::Region;
use crate::source::SourceFile;
use crate::{ConfigurationOptions, Include, OptionalText, Scope, Span, Value, parser};
use std::sync::Arc;

/// Always present before the file is read (spec config-language.md §14).
const BASE: &str = "
ThreadPool SwapOut { concurrency = 5 }
ThreadPool SwapIn { concurrency = 5 }
ThreadPool Unlink { concurrency = 6 backlog = 100 }
ThreadPool Batch_Unlink { concurrency = 4 }
ThreadPool Close { concurrency = 0 }
ThreadPool CPU { concurrency = 4 }
ThreadPool IO { concurrency = 50 }
ThreadPool SpoolIn { concurrency = 1 }
Debug_Flags { ERROR = ( all ) CRITICAL = ( all ) }
";

/// The name of the file that is none.
pub(crate) const UNSAVED: &str = "(unsaved changes)";

const GLOBAL: Ground = Ground::Core(Scope::Global);

/// A file to read, and what led to it.
struct Request<'a> {
    path: String,
    bytes: Vec<u8>,
    from: Option<&'a Include>,
}

impl Declaration<'_> {
    pub fn base(&mut self) {
        // It is ours: the embedder's limits are for what others wrote.
        let limits = std::mem::take(&mut self.limits);
        self.lenient = true;
        let request = Request { path: "(base)".into(), bytes: BASE.into(), from: None };
        self.read(request, Site { instance: 0, ground: GLOBAL, nesting: 0, reading: &[] });
        self.lenient = false;
        (self.limits, self.statements, self.bytes) = (limits, 0, 0);
    }

    /// Fails with a reason that needs no place: nothing was read yet.
    pub fn master(&mut self, master: &str) -> Result<(), String> {
        match self.find(master, None)? {
            Some((path, Loaded::File(bytes))) => {
                let request = Request { path, bytes, from: None };
                self.read(request, Site { instance: 0, ground: GLOBAL, nesting: 0, reading: &[] });
                Ok(())
            }
            Some((path, Loaded::Directory(_))) => Err(format!("failed to read '{path}': it is a directory")),
            None => Err(missing(master)),
        }
    }

    /// One more file, whatever the position of the option (§1). It need not exist before the first change.
    pub fn local_changes(&mut self) {
        let option = &ConfigurationOptions::DEFINITIONS[0];
        let Some(stored) = self.instances[0].stored(option.key) else { return };
        let span = if let Value::Scalar(word) = &stored.value { word.span } else { stored.span };
        let Some(name) = stored.found(&self.instances[0]).get::<OptionalText>().clone() else { return };
        if scheme(&name).is_some_and(|scheme| !scheme.eq_ignore_ascii_case("file")) {
            return self
                .complain(Fault::error(span, format!("'{name}' cannot be written")).expected("a file"));
        }
        match self.find(&name, Some(span)) {
            Err(reason) => self.complain(Fault::error(span, reason)),
            Ok(None) => {}
            Ok(Some((path, Loaded::Directory(_)))) => {
                self.complain(Fault::error(span, format!("'{path}' is a directory")).expected("a file"));
            }
            Ok(Some((path, Loaded::File(bytes)))) => {
                if self.times_read.contains_key(&path) {
                    let message = format!("'{path}' has been read already");
                    let fault = Fault::error(span, message).expected("a file that nothing else reads");
                    return self.complain(fault);
                }
                let request = Request { path, bytes, from: None };
                self.read(request, Site { instance: 0, ground: GLOBAL, nesting: 0, reading: &[] });
            }
        }
    }

    /// Changes that no file takes (§12.4): the virtual file.
    pub fn unsaved(&mut self, text: &str) {
        if !text.is_empty() {
            let request = Request { path: UNSAVED.into(), bytes: text.into(), from: None };
            self.read(request, Site { instance: 0, ground: GLOBAL, nesting: 0, reading: &[] });
        }
    }

    pub(super) fn include(&mut self, include: &Include, site: Site<'_>) {
        let span = include.target.span;
        match self.find(&include.target.text, Some(span)) {
            Err(reason) => self.complain(Fault::error(span, reason)),
            Ok(None) => self.complain(Fault::error(span, missing(&include.target.text))),
            Ok(Some((path, Loaded::File(bytes)))) => {
                self.read(Request { path, bytes, from: Some(include) }, site);
            }
            Ok(Some((folder, Loaded::Directory(names)))) => {
                self.include_folder(include, &folder, names, site)
            }
        }
    }

    /// Every plain file that is not hidden, in lexical order, not recursive (§6).
    fn include_folder(&mut self, include: &Include, folder: &str, mut names: Vec<String>, site: Site<'_>) {
        names.retain(|name| !name.starts_with('.'));
        names.sort_unstable();
        for name in names {
            if self.is_hopeless() {
                return;
            }
            let path = join(folder, &name);
            match self.loader.load(&path) {
                Ok(Loaded::File(bytes)) => self.read(Request { path, bytes, from: Some(include) }, site),
                Ok(Loaded::Directory(_)) => {}
                Err(fault) => {
                    let reason = match fault {
                        LoadFault::NotFound => missing(&path),
                        LoadFault::Unreadable(reason) => failed(&path, &reason),
                    };
                    self.complain(Fault::error(include.target.span, reason));
                }
            }
        }
    }

    /// The first place where there is something of that name.
    fn find(&self, target: &str, from: Option<Span>) -> Result<Option<(String, Loaded)>, String> {
        let including = from.map(|span| &*self.sources.file(span.file).name);
        for path in candidates(target, including, self.search_path) {
            match self.loader.load(&path) {
                Ok(loaded) => return Ok(Some((path, loaded))),
                Err(LoadFault::NotFound) => {}
                Err(LoadFault::Unreadable(reason)) => return Err(failed(&path, &reason)),
            }
        }
        Ok(None)
    }

    /// Parses the file and declares it where it is included.
    fn read(&mut self, request: Request<'_>, site: Site<'_>) {
        let from = request.from.map(|include| include.target.span);
        let refused = self.refusal(&request, site);
        let text = match (refused, String::from_utf8(request.bytes)) {
            (Some(reason), _) => return self.refuse(&request.path, from, reason),
            (None, Err(error)) => {
                let line =
                    error.as_bytes()[..error.utf8_error().valid_up_to()].split(|byte| *byte == b'\n').count();
                let reason = format!("'{}' is not UTF-8 in line {line}", request.path);
                return self.refuse(&request.path, from, reason);
            }
            (None, Ok(text)) => text,
        };
        self.bytes += text.len();
        let times = self.times_read.entry(request.path.clone()).or_default();
        *times += 1;
        let again = *times > 1;
        if again {
            self.sources.mark_read_only(&request.path);
        }
        let remote = scheme(&request.path).is_some_and(|scheme| !scheme.eq_ignore_ascii_case("persist"));
        let text: Arc<str> = text.into();
        let number = self.sources.add(SourceFile {
            name: request.path.as_str().into(),
            text: text.clone(),
            included_from: from,
            // A name in parentheses is no file's; what is not saved yet is nobody's but ours.
            read_only: request.path.starts_with('(') && request.path != UNSAVED
                || again
                || remote
                || request.from.is_some_and(|include| include.read_only),
        });
        let region = Region { file: number, start: 0, end: text.len() as u32, stanza: None };
        self.instances[site.instance as usize].regions.push(region);
        let (tree, faults) = parser::parse(&text, number, self.limits);
        self.faults.absorb(faults);
        let mut reading = site.reading.to_vec();
        reading.push(request.path);
        self.declare(&tree.statements, Site { reading: &reading, ..site });
    }

    /// Why a file is not read although it is there.
    fn refusal(&self, request: &Request<'_>, site: Site<'_>) -> Option<String> {
        let limits = &self.limits;
        let path = &request.path;
        if site.reading.contains(path) {
            return Some(format!("'{path}' includes itself"));
        }
        let rules = [
            (request.bytes.len() > limits.file_bytes, "bytes in one file", limits.file_bytes),
            (self.bytes + request.bytes.len() > limits.total_bytes, "bytes in all files", limits.total_bytes),
            (site.reading.len() > limits.include_depth, "includes inside each other", limits.include_depth),
            (self.sources.files().len() > limits.includes, "files in all", limits.includes),
        ];
        let broken = rules.into_iter().find(|(broken, ..)| *broken);
        broken.map(|(_, what, most)| format!("'{path}' is too much: at most {most} {what}"))
    }

    fn refuse(&mut self, path: &str, from: Option<Span>, reason: String) {
        // The master has no place that led to it: point at its own beginning.
        let span = from.unwrap_or_else(|| {
            let file =
                SourceFile { name: path.into(), text: "".into(), included_from: None, read_only: false };
            Span::new(self.sources.add(file), 0, 0)
        });
        self.complain(Fault::error(span, reason));
    }
}

/// Momentum's words (§6).
fn failed(path: &str, reason: &str) -> String {
    format!("failed to stat '{path}': {reason}")
}

fn missing(path: &str) -> String {
    failed(path, "No such file or directory")
}
