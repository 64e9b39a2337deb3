//! `impetus spool ls|cat|check DIR`: an offline look at a spool. Reads files, writes none.

use crate::arguments::Arguments;
use crate::usage;
use bytes::Bytes;
use mail::{MessageId, Note, Reception};
use spool::{Found, Journal, Living, Recovered, Recovery, Segment, Settings};
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use world::Buffer;

pub fn spool(mut arguments: Arguments) -> ExitCode {
    let (verb, folder, message) = (arguments.next_word(), arguments.next_word(), arguments.next_word());
    let Some(folder) = folder.map(PathBuf::from) else {
        return usage("spool ls|cat|check DIR, where DIR is the folder that the option spoolbase names");
    };
    let done = match (verb.as_deref(), message) {
        (Some("ls"), None) => list(&folder),
        (Some("check"), None) => return check(&folder),
        (Some("cat"), Some(message)) => match message.parse() {
            Ok(message) => show(&folder, message),
            Err(problem) => return usage(&format!("{message}: {problem}")),
        },
        (Some("cat"), None) => return usage("spool cat DIR MESSAGE-ID"),
        _ => return usage("spool ls|cat|check DIR"),
    };
    match done {
        Ok(status) => status,
        Err(error) => {
            eprintln!("impetus: {}: {error}", folder.display());
            ExitCode::FAILURE
        }
    }
}

/// One shard's part of a spool, as recovery sees it.
struct Part {
    folder: PathBuf,
    recovered: Recovered,
}

fn parts(spoolbase: &Path) -> io::Result<Vec<Part>> {
    let mut folders: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(spoolbase)? {
        let entry = entry?;
        if entry.file_name().to_string_lossy().starts_with("shard-") {
            folders.push(entry.path());
        }
    }
    folders.sort();
    folders.into_iter().map(|folder| Ok(Part { recovered: recover(&folder)?, folder })).collect()
}

/// Copies that wait in a spool.
pub fn living_copies(spoolbase: &Path) -> io::Result<u64> {
    Ok(parts(spoolbase)?.iter().map(|part| part.recovered.report.copies_living).sum())
}

fn segments(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(segment) = Segment::from_file_name(&entry.file_name().to_string_lossy()) {
            found.push(Found { segment, bytes: entry.metadata()?.len() });
        }
    }
    Ok(found)
}

fn recover(folder: &Path) -> io::Result<Recovered> {
    let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let shard = name.trim_start_matches("shard-").parse().unwrap_or(0);
    let settings = Settings { shard, ..Settings::default() };
    let mut recovery = Recovery::new(&settings, segments(folder)?);
    while let Some(location) = recovery.want() {
        match read(folder, &location) {
            Ok(blocks) => recovery.read(blocks),
            Err(_) => recovery.read_failed(),
        }
    }
    Ok(recovery.finish())
}

fn read(folder: &Path, location: &spool::Location) -> io::Result<Buffer> {
    let mut blocks = Buffer::zeroed(location.length);
    File::open(folder.join(location.segment.file_name()))?.read_exact_at(&mut blocks, location.offset)?;
    Ok(blocks)
}

/// A line for each copy that lives: id, sender, recipient, binding, size, attempts, next attempt, last reply.
fn list(spoolbase: &Path) -> io::Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    let mut copies = 0;
    for part in parts(spoolbase)? {
        for living in &part.recovered.living {
            let Ok(reception) = Reception::decode(&living.head, &Bytes::new()) else {
                writeln!(out, "promise {} has a head of another version", living.promise)?;
                continue;
            };
            for left in &living.left {
                let Some(envelope) = reception.envelopes.get(left.copy as usize) else { continue };
                let sender = reception.sender.as_ref().map_or("", |sender| sender.as_str());
                write!(out, "{} <{sender}> <{}> ", envelope.id, envelope.recipient)?;
                write!(out, "binding={} queue={} ", envelope.binding, envelope.domain)?;
                write!(out, "received={} bytes={}", reception.received.secs(), living.body_bytes)?;
                if let Some(deferral) = &left.deferral {
                    let (attempts, next) = (deferral.attempts, deferral.until.secs());
                    let note = Note::decode(&deferral.note);
                    write!(out, " attempts={attempts} next={next} last=\"{note}\"")?;
                }
                writeln!(out)?;
                copies += 1;
            }
        }
    }
    writeln!(out, "{copies} messages")?;
    Ok(ExitCode::SUCCESS)
}

/// The content of one message, as it would be sent.
fn show(spoolbase: &Path, message: MessageId) -> io::Result<ExitCode> {
    for part in parts(spoolbase)? {
        let journal = Journal::new(Settings::default(), part.recovered.state);
        for living in part.recovered.living {
            let Ok(reception) = Reception::decode(&living.head, &Bytes::new()) else { continue };
            let copy = reception.envelopes.iter().find(|envelope| envelope.id == message);
            if let Some(copy) = copy {
                let content = content(&part.folder, &journal, &living)?;
                io::stdout().write_all(&content.bodies[usize::from(copy.body)])?;
                return Ok(ExitCode::SUCCESS);
            }
        }
    }
    eprintln!("impetus: no message {message} is waiting in this spool");
    Ok(ExitCode::FAILURE)
}

fn content(folder: &Path, journal: &Journal, living: &Living) -> io::Result<Reception> {
    let damaged = || io::Error::new(io::ErrorKind::InvalidData, "the record is damaged");
    let locations = journal.location(living.promise).ok_or_else(damaged)?;
    let parts = locations.into_iter().map(|location| Ok((location, read(folder, &location)?)));
    let parts = parts.collect::<io::Result<Vec<_>>>()?;
    let promised = spool::read::promised(living.promise, parts).map_err(|_| damaged())?;
    Reception::decode(&promised.head, &promised.body).map_err(|_| damaged())
}

/// Counts and damages of each shard; exit status 1 if anything durable cannot be read.
fn check(spoolbase: &Path) -> ExitCode {
    let parts = match parts(spoolbase) {
        Ok(parts) => parts,
        Err(error) => {
            eprintln!("impetus: {}: {error}", spoolbase.display());
            return ExitCode::FAILURE;
        }
    };
    let mut damages = 0;
    for Part { folder, recovered } in &parts {
        let report = &recovered.report;
        println!("{}", folder.display());
        for (name, count) in [
            ("segments", report.segments),
            ("batches", report.batches),
            ("records", report.records),
            ("batches dropped as torn", report.batches_dropped),
            ("promises living", report.promises_living),
            ("copies living", report.copies_living),
            ("damages", report.damages_found),
        ] {
            println!("  {name:<24} {count}");
        }
        report.damages.iter().for_each(|damage| println!("  {damage:?}"));
        damages += report.damages_found;
    }
    if damages == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
