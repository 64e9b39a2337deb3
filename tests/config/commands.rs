//! The subcommands about configurations, and the old names of programs, as a shell sees them: exit status and
//! output.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/large-sender");

/// A folder that goes with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("impetus-commands-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).expect("a folder");
        Folder(path)
    }

    fn with(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        fs::write(&path, text).expect("a file");
        path
    }

    /// The binary under another name.
    fn program(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        symlink(env!("CARGO_BIN_EXE_impetus"), &path).expect("a link");
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Exit status, standard output, standard error.
fn run(program: &Path, arguments: &[&str], search_path: &str) -> (Option<i32>, String, String) {
    let mut command = Command::new(program);
    command.args(arguments).env("EC_CONF_SEARCH_PATH", search_path).current_dir(std::env::temp_dir());
    let output = command.output().expect("the program");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("text");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn impetus(arguments: &[&str]) -> (Option<i32>, String, String) {
    run(Path::new(env!("CARGO_BIN_EXE_impetus")), arguments, "")
}

#[test]
fn check_says_by_its_status_what_it_found() {
    let folder = Folder::new("status");
    let file = |name: &str, text: &str| folder.with(name, text).display().to_string();
    let clean = file("clean.conf", "hostname = h\n");
    let dubious = file("dubious.conf", "retry_interval = 9 max_retry_interval = 3\n");
    let wrong = file("wrong.conf", "hostname = ( a )\nno_such = 1\n");
    let sample = format!("{SAMPLE}/ecelerity.conf");
    for (arguments, status, part) in [
        (&["check", "-c", &clean][..], 0, "Configuration valid (0 errors, 0 warnings, 0 notes)"),
        (&["check", "-c", &dubious], 0, "Configuration valid (0 errors, 1 warnings, 0 notes)"),
        (
            &["check", "-c", &dubious, "--strict"],
            1,
            "Configuration not valid (0 errors, 1 warnings, 0 notes)",
        ),
        (&["check", "-c", &wrong], 1, "Configuration not valid (2 errors, 0 warnings, 0 notes)"),
        (&["check", "-c", "/nonexistent"], 78, "failed to stat '/nonexistent': No such file or directory"),
        (&["check", "--strict", "-c", &sample, "--report"], 0, "Line by line"),
        (&["check", "--format", "json", "-c", &wrong], 1, "\"errors\": 2"),
        (&["check", "--no-such-switch"], 64, ""),
        (&["check", "--format", "yaml"], 64, ""),
        (&["explain", "-c", &sample, "news-03", "bigmail.example"], 0, "max_outbound_connections = 12\n"),
        (&["explain", "-c", &sample, "nobody", "bigmail.example"], 1, ""),
        (&["explain", "-c", &sample], 64, ""),
        (&["explain", "-c", &wrong, "default", "x"], 78, ""),
        (&["dump", "-c", &clean], 0, "hostname = h\n"),
        (&["manual", "idle_time"], 0, "Seconds without client activity"),
        (&["manual", "no_such_option"], 1, ""),
    ] {
        let (code, out, err) = impetus(arguments);
        assert_eq!(code, Some(status), "{arguments:?}: {out}{err}");
        assert!(out.contains(part), "{arguments:?}: {out}");
    }
}

#[test]
fn validate_config_has_three_answers() {
    let folder = Folder::new("validate");
    let program = folder.program("validate_config");
    let here = folder.0.display().to_string();
    assert_eq!(run(&program, &[], &here), (Some(1), "No configuration found\n".into(), String::new()));
    folder.with("ecelerity.conf", "scheduler = x\nhostname = h\n");
    assert_eq!(run(&program, &[], &here), (Some(0), "Configuration valid\n".into(), String::new()));
    folder.with("ecelerity.conf", "hostname = ( h )\n");
    let (code, out, err) = run(&program, &[], &here);
    assert_eq!((code, out.as_str()), (Some(1), ""));
    assert!(err.contains("'hostname' cannot have this value"), "{err}");
}

#[test]
fn ec_dump_config_writes_xml_or_says_the_old_words() {
    let folder = Folder::new("dump");
    let program = folder.program("ec_dump_config");
    let good = folder.with("good.conf", "hostname = h\n").display().to_string();
    let bad = folder.with("bad.conf", "hostname = h\ninvalid_option = 1\n").display().to_string();
    let output = folder.0.join("dump.xml").display().to_string();
    let (code, out, _) = run(&program, &["-c", &good, "-e", "/opt/msys", "-f", &output], "");
    assert_eq!((code, out.as_str()), (Some(0), ""));
    let xml = fs::read_to_string(&output).expect("the file");
    assert!(xml.starts_with("<?xml") && xml.contains("<option name=\"hostname\">h</option>"), "{xml}");
    let (code, _, err) = run(&program, &["-c", &bad], "");
    assert_eq!(code, Some(78));
    assert!(err.contains(&format!("Syntax error in {bad} at line 2 near 'invalid_option'\n")), "{err}");
    assert!(err.ends_with("Reconfigure failed.\nGlobal configuration error.\n"), "{err}");
}

#[test]
fn old_names_whose_program_is_not_built_say_what_to_use() {
    let folder = Folder::new("instead");
    for name in ["ec_rotate", "ec_log_trace", "ec_sendmail", "ec_md5passwd"] {
        let (code, out, err) = run(&folder.program(name), &["-h"], "");
        assert_eq!((code, out.as_str()), (Some(69), ""), "{name}");
        assert!(err.contains(name) && err.contains("use "), "{err}");
    }
    let (code, _, err) = run(&folder.program("ec_ctl"), &["fly"], "");
    assert_eq!(code, Some(64), "{err}");
}

#[test]
fn who_stops_reading_breaks_nothing() {
    let binary = env!("CARGO_BIN_EXE_impetus");
    let script = format!("set -o pipefail; '{binary}' manual | head -1");
    let output = Command::new("bash").args(["-c", &script]).output().expect("bash");
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}
