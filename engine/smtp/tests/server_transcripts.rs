//! Plays `tests/scripts/server/*.smtp` against a session: each whole, byte by byte and split at random.
//! The format is described in tests/scripts/README.md; whatever the split, the same bytes must come out.

mod transcript;

use std::fs;
use std::path::{Path, PathBuf};
use transcript::{Script, Split};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/scripts/server")
}

fn scripts() -> Vec<(String, Script)> {
    let mut paths: Vec<_> = fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|extension| extension == "smtp"))
        .map(|path| {
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let script = Script::parse(&fs::read_to_string(&path).unwrap());
            (name.clone(), script.unwrap_or_else(|complaint| panic!("{name}: {complaint}")))
        })
        .collect()
}

fn play_all(splits: &[Split]) {
    let mut complaints = Vec::new();
    for (name, script) in scripts() {
        for split in splits.iter().filter(|split| script.allows(split)) {
            if let Err(complaint) = script.play(*split) {
                complaints.push(format!("{name} {split:?}: {complaint}"));
                break;
            }
        }
    }
    assert!(complaints.is_empty(), "\n{}", complaints.join("\n"));
}

#[test]
fn every_transcript_holds_when_the_input_comes_at_once() {
    play_all(&[Split::Whole]);
}

#[test]
fn every_transcript_holds_when_the_input_comes_byte_by_byte() {
    play_all(&[Split::Bytes]);
}

#[test]
fn every_transcript_holds_however_the_input_is_split() {
    let splits: Vec<_> = (1..=40).map(Split::Random).collect();
    play_all(&splits);
}

#[test]
fn the_transcripts_are_there() {
    assert!(scripts().len() >= 40, "only {} transcripts", scripts().len());
}

#[test]
fn a_transcript_that_is_wrong_fails() {
    for wrong in [
        "S: 220 someone else\n",
        "S: 220 ready\nC: QUIT\n",
        "S: 220 ready\nC: NOOP\nS: 250 2.0.0 OK\n@closed\n",
        "S: 220 ready\nC: QUIT\nS: 221 2.0.0 mx.example closing connection\nS: more\n",
        "@judge rcptto 550 no\nS: 220 ready\n",
        "S: 220 ready\nB: nothing was stored\n",
    ] {
        let script = Script::parse(wrong).unwrap();
        assert!(script.play(Split::Whole).is_err(), "{wrong}");
    }
    assert!(Script::parse("@unheard-of\n").is_err());
    assert!(Script::parse("C: \\q\n").is_err());
    assert!(Script::parse("@set nonsense=1\n").is_err());
}
