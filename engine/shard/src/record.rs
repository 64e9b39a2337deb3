//! Writes events into the logs: lines are gathered here and appended by the world, off this shard.

use crate::Shard;
use crate::options::{BounceLoggerOptions, LoggerOptions};
use config::{Lookup, Snapshot};
use logs::formats::rejectlog;
use logs::{Event, FORMATS, Kind, Kinds, Lines, Open, Style, Want};
use mail::Time;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;
use world::{Signal, World};

/// A shard's lines on their way, and the files they go to.
pub(crate) struct Recorder {
    lines: RefCell<Lines>,
    opened: RefCell<Opened>,
    bell: Signal,
    pub closed: Signal,
    /// What went wrong lately.
    complaints: RefCell<VecDeque<(Time, String)>>,
}

/// Complaints that the console shows.
const COMPLAINTS_KEPT: usize = 10;

impl Recorder {
    /// Only the first shard beats the heart of a log: all write to the same file.
    pub fn new(snapshot: &Snapshot, beats: bool, now: Time) -> Self {
        let opened = Opened::of(snapshot, beats);
        Recorder {
            lines: RefCell::new(Lines::new(Style::default(), &opened.logs, now)),
            opened: RefCell::new(opened),
            bell: Signal::default(),
            closed: Signal::default(),
            complaints: RefCell::default(),
        }
    }

    /// What went wrong lately, the oldest first.
    pub fn last_complaints(&self) -> Vec<(Time, String)> {
        self.complaints.borrow().iter().cloned().collect()
    }

    fn record(&self, event: &Event<'_>, now: Time) {
        if let Event::Panic(text) = event {
            let mut complaints = self.complaints.borrow_mut();
            complaints.push_back((now, (*text).to_owned()));
            if complaints.len() > COMPLAINTS_KEPT {
                complaints.pop_front();
            }
        }
        if self.lines.borrow_mut().record(now, event) {
            self.bell.raise();
        }
    }
}

/// The files that the configuration has logs in.
pub fn log_files(snapshot: &Snapshot) -> Vec<PathBuf> {
    Opened::of(snapshot, false).files.into_iter().map(|(file, _)| file).collect()
}

#[derive(PartialEq)]
struct Opened {
    logs: Vec<Open>,
    files: Vec<(PathBuf, u32)>,
    beats: bool,
}

impl Opened {
    fn of(snapshot: &Snapshot, beats: bool) -> Self {
        let mut opened = Opened { logs: Vec::new(), files: Vec::new(), beats };
        for stanza in snapshot.modules() {
            match stanza.keyword() {
                name if name.eq_ignore_ascii_case("ec_logger") => opened.logger(&stanza),
                name if name.eq_ignore_ascii_case("bounce_logger") => opened.bounce_logger(&stanza),
                _ => {}
            }
        }
        opened
    }

    fn logger(&mut self, stanza: &impl Lookup) {
        let options = LoggerOptions::resolve(stanza);
        let kinds = chosen(&[
            (options.log_receptions, Kind::Reception),
            (options.log_deliveries, Kind::Delivery),
            (options.log_transient_failures, Kind::Transient),
            (options.log_permanent_failures, Kind::Permanent),
            (options.log_rejections, Kind::Rejection),
            (options.log_rejections, Kind::GenerationRejection),
            (options.log_errors, Kind::Panic),
        ]);
        for (name, file, mode) in [
            ("mainlog", &options.mainlog, options.mainlog_mode),
            ("rejectlog", &options.rejectlog, options.rejectlog_mode),
            ("paniclog", &options.paniclog, options.paniclog_mode),
        ] {
            self.open(name, file, mode, kinds, options.heartbeat);
        }
        if let Some(acctlog) = &options.acctlog {
            self.open("acctlog", acctlog, options.acctlog_log_mode, kinds, options.heartbeat);
        }
    }

    fn bounce_logger(&mut self, stanza: &impl Lookup) {
        let options = BounceLoggerOptions::resolve(stanza);
        let kinds = chosen(&[
            (options.log_inband_bounces, Kind::Permanent),
            (options.log_outofband_bounces, Kind::OutOfBand),
            (options.log_transient_failures, Kind::Transient),
        ]);
        self.open("bouncelog", &options.bouncelog, options.bouncelog_mode, kinds, options.heartbeat);
    }

    fn open(&mut self, name: &str, file: &str, mode: u32, kinds: Kinds, heartbeat: Duration) {
        let format = FORMATS.into_iter().find(|format| format.name == name);
        let Some(format) = format.filter(|_| !file.is_empty()) else { return };
        let heartbeat = Some(heartbeat).filter(|period| self.beats && !period.is_zero());
        self.logs.push(Open { format, kinds, heartbeat });
        self.files.push((PathBuf::from(file.trim_start_matches("file://")), mode));
    }
}

fn chosen(switches: &[(bool, Kind)]) -> Kinds {
    let off = switches.iter().filter(|(on, _)| !on);
    off.fold(Kinds::ALL, |kinds, (_, kind)| kinds.without(*kind))
}

impl<W: World> Shard<W> {
    pub(crate) fn record(&self, event: &Event<'_>) {
        let now = self.world.now();
        self.recorder.record(event, now);
        if let (Some(notebook), Event::Rejection(_) | Event::GenerationRejection(_)) =
            (&self.rehearsal, event)
        {
            let mut line = Vec::new();
            (rejectlog::FORMAT.write)(event, now, &Style::default(), &mut line);
            notebook.rejected(&line);
        }
    }

    /// The logs of a new generation. What waits goes where it was bound for; logs that stay, stay as they are.
    pub(crate) fn reopen_logs(&self, snapshot: &Snapshot) {
        let opened = Opened::of(snapshot, self.index == 0);
        let recorder = &self.recorder;
        if opened == *recorder.opened.borrow() {
            return;
        }
        let now = self.world.now();
        recorder.lines.borrow_mut().close();
        loop {
            let want = recorder.lines.borrow().want(now);
            let Want::Flush(log) = want else { break };
            flush(self, log);
        }
        recorder.lines.replace(Lines::new(Style::default(), &opened.logs, now));
        recorder.opened.replace(opened);
        recorder.bell.raise();
    }

    /// A line for paniclog about something of ours.
    pub(crate) fn complain(&self, text: &str) {
        self.record(&Event::Panic(text));
    }
}

/// Drives the lines until the shard has ended and all of them are with the writer.
pub(crate) async fn record<W: World>(shard: Rc<Shard<W>>) {
    let recorder = &shard.recorder;
    loop {
        if shard.has_ended() {
            recorder.lines.borrow_mut().close();
        }
        let now = shard.world.now();
        let want = recorder.lines.borrow().want(now);
        match want {
            Want::Flush(log) => flush(&shard, log),
            Want::Beat => recorder.lines.borrow_mut().beat(now),
            Want::SleepUntil(_) if shard.has_ended() && recorder.lines.borrow().is_empty() => break,
            Want::SleepUntil(until) => {
                recorder.bell.wait_until(&shard.world, until).await;
            }
        }
    }
    recorder.closed.raise();
}

fn flush<W: World>(shard: &Shard<W>, log: usize) {
    let recorder = &shard.recorder;
    let bytes = recorder.lines.borrow_mut().take(log);
    let (path, mode) = recorder.opened.borrow().files[log].clone();
    let count = bytes.iter().filter(|byte| **byte == b'\n').count() as u64;
    // The writer takes the bytes at once or, if it is too far behind, not at all.
    if !shard.world.log(&path, mode, bytes) {
        shard.counters.log_lines_lost.add(count);
    }
    recorder.lines.borrow_mut().wrote(log, Vec::new(), shard.world.now());
}

/// Wakes the driver, so that it sees that the shard has ended.
pub(crate) fn wake<W: World>(shard: &Shard<W>) {
    shard.recorder.bell.raise();
}
