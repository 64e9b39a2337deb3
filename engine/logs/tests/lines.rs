//! Lines, driven by hand: what is due when, what a failed write leaves behind, where the limit bites.

use logs::{
    Event, GATHER_BYTES, Kind, Kinds, LIMIT_BYTES, Lines, Open, RETRY_AFTER, Style, Want, format_named,
};
use mail::Time;
use std::time::Duration;

const START: Time = Time::from_secs(1_000);
const MINUTE: Duration = Duration::from_secs(60);

fn open(name: &str, heartbeat: Option<Duration>) -> Open {
    Open { format: format_named(name).expect("a format"), kinds: Kinds::ALL, heartbeat }
}

fn lines(logs: &[Open]) -> Lines {
    Lines::new(Style::default(), logs, START)
}

fn after(millis: u64) -> Time {
    START + Duration::from_millis(millis)
}

/// Writes everything that is due and returns it, as (log, text).
fn drive(lines: &mut Lines, now: Time) -> Vec<(usize, String)> {
    let mut written = Vec::new();
    loop {
        match lines.want(now) {
            Want::Flush(log) => {
                let bytes = lines.take(log);
                written.push((log, String::from_utf8(bytes.clone()).expect("text")));
                lines.wrote(log, bytes, now);
            }
            Want::Beat => lines.beat(now),
            Want::SleepUntil(when) => {
                assert!(when > now, "a sleep that is over at once");
                return written;
            }
        }
    }
}

#[test]
fn lines_wait_a_tenth_of_a_second_for_company() {
    let mut lines = lines(&[open("rejectlog", Some(MINUTE))]);
    assert_eq!(lines.want(START), Want::SleepUntil(START + MINUTE));
    lines.beat(START + MINUTE);
    let beat = START + MINUTE;
    assert_eq!(lines.want(beat), Want::SleepUntil(beat + Duration::from_millis(100)));
    assert_eq!(lines.want(beat), lines.want(beat), "asking changes nothing");
    let due = beat + Duration::from_millis(100);
    assert_eq!(drive(&mut lines, due), [(0, "1060: Marker 1\n".to_owned())]);
    assert_eq!(lines.want(due), Want::SleepUntil(beat + MINUTE));
    assert!(lines.is_empty());
}

#[test]
fn a_panic_is_due_at_once_and_says_so() {
    let mut lines = lines(&[open("mainlog", None), open("paniclog", None)]);
    assert_eq!(lines.want(START), Want::SleepUntil(Time::NEVER));
    assert!(lines.record(START, &Event::Panic("one")));
    assert!(!lines.record(START, &Event::Panic("two")), "due already");
    assert_eq!(lines.want(START), Want::Flush(1));
    assert_eq!(drive(&mut lines, START), [(1, "1000:one\n1000:two\n".to_owned())]);
}

#[test]
fn a_held_up_shard_beats_once_in_every_log_that_has_a_heart() {
    let mut lines = lines(&[
        open("mainlog", Some(MINUTE)),
        open("bouncelog", Some(Duration::ZERO)),
        open("rejectlog", Some(2 * MINUTE)),
        open("paniclog", Some(MINUTE)),
        Open { kinds: Kinds::ALL.without(Kind::Heartbeat), ..open("mainlog", Some(MINUTE)) },
    ]);
    let late = START + 10 * MINUTE;
    assert_eq!(lines.want(late), Want::Beat);
    lines.beat(late);
    let due = late + Duration::from_millis(100);
    let expected = [(0, "1600@@@@M1\n".to_owned()), (2, "1600: Marker 1\n".to_owned())];
    assert_eq!(drive(&mut lines, due), expected);
    assert_eq!(lines.want(due), Want::SleepUntil(late + MINUTE));
}

#[test]
fn a_full_buffer_is_due_before_its_time() {
    let mut lines = lines(&[open("mainlog", None)]);
    let now = after(1);
    let mut beats = 0;
    while !matches!(lines.want(now), Want::Flush(0)) {
        let became_due = lines.record(now, &Event::Heartbeat);
        beats += 1;
        assert_eq!(became_due, beats == 1 || matches!(lines.want(now), Want::Flush(0)));
        assert!(beats <= GATHER_BYTES, "never full");
    }
    assert_eq!(beats, GATHER_BYTES.div_ceil("1000@@@@M1\n".len()));
}

#[test]
fn one_write_at_a_time_and_the_next_gathers_meanwhile() {
    let mut lines = lines(&[open("paniclog", None)]);
    lines.record(START, &Event::Panic("first"));
    let buffer = lines.take(0);
    lines.record(START, &Event::Panic("second"));
    assert_eq!(lines.want(after(1_000)), Want::SleepUntil(Time::NEVER));
    assert!(!lines.is_empty());
    lines.wrote(0, buffer, after(1_000));
    assert_eq!(drive(&mut lines, after(1_000)), [(0, "1000:second\n".to_owned())]);
}

#[test]
fn what_a_failed_write_left_comes_first_when_it_is_tried_again() {
    let mut lines = lines(&[open("paniclog", None)]);
    lines.record(START, &Event::Panic("first"));
    let buffer = lines.take(0);
    lines.record(START, &Event::Panic("second"));
    lines.failed(0, buffer, 7, START);
    assert_eq!(lines.want(START), Want::SleepUntil(START + RETRY_AFTER));
    assert!(!lines.record(START, &Event::Panic("third")), "patience is not shortened");
    let written = drive(&mut lines, START + RETRY_AFTER);
    assert_eq!(written, [(0, "rst\n1000:second\n1000:third\n".to_owned())]);
}

#[test]
fn lines_beyond_the_limit_are_counted_and_owned_up_to() {
    let mut lines = lines(&[open("paniclog", None)]);
    let long = "x".repeat(LIMIT_BYTES / 4 - 16);
    for _ in 0..6 {
        lines.record(START, &Event::Panic(&long));
    }
    assert_eq!(lines.lost(0), 2);
    let written = drive(&mut lines, START);
    assert_eq!(written[0].1.lines().count(), 4);
    assert_eq!(written[1].1, "1000:paniclog: 2 lines were lost, the log was too slow\n");
    assert_eq!((written.len(), lines.lost(0)), (2, 0));
}

#[test]
fn closing_flushes_all_and_stops_the_hearts() {
    let mut lines = lines(&[open("mainlog", Some(MINUTE)), open("rejectlog", Some(MINUTE))]);
    lines.beat(START + MINUTE);
    lines.close();
    assert_eq!(drive(&mut lines, START + MINUTE).len(), 2);
    assert!(lines.is_empty());
    assert_eq!(lines.want(START + 5 * MINUTE), Want::SleepUntil(Time::NEVER));
}

#[test]
#[should_panic(expected = "no write of paniclog is under way")]
fn telling_of_a_write_that_was_not_taken_panics() {
    lines(&[open("paniclog", None)]).wrote(0, Vec::new(), START);
}

#[test]
#[should_panic(expected = "one write at a time")]
fn taking_twice_panics() {
    let mut lines = lines(&[open("paniclog", None)]);
    lines.record(START, &Event::Panic("first"));
    lines.take(0);
    lines.record(START, &Event::Panic("second"));
    lines.take(0);
}
