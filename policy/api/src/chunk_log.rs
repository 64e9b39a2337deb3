//! A line for the log of the stanza chunk_logger: for scripts, and for modules that measure.

use crate::Host;
use jiff::Timestamp;
use jiff::fmt::strtime;
use std::path::Path;

/// Octets of a line.
const LONGEST: usize = 64 << 10;
/// The names that the one stanza may have.
const NAMES: [&str; 2] = ["", "chunk_logger"];

/// Writes a line with its time, in UTC. An error says what is missing or wrong.
pub fn chunk_log(host: &dyn Host, text: &str) -> Result<(), String> {
    let option = |name: &str| NAMES.iter().find_map(|stanza| host.option(&[("chunk_logger", *stanza)], name));
    let file = option("destination").ok_or("needs a chunk_logger stanza with a destination")?;
    if text.len() > LONGEST {
        return Err(format!("a line has at most {} KiB", LONGEST >> 10));
    }
    let stamp = match option("timestamp_format") {
        Some(format) => format!("{}: ", stamp(&format, host.now().secs())?),
        None => String::new(),
    };
    let path = file.strip_prefix("file://").unwrap_or(&file);
    host.log(Path::new(path), 0o644, &format!("{stamp}{}", text.trim_end_matches('\n')));
    Ok(())
}

fn stamp(format: &str, seconds: u64) -> Result<String, String> {
    let time = i64::try_from(seconds).ok().and_then(|seconds| Timestamp::from_second(seconds).ok());
    let time = time.unwrap_or(Timestamp::MAX).to_zoned_datetime(jiff::tz::TimeZone::UTC);
    strtime::format(format, &time).map_err(|problem| format!("timestamp_format '{format}': {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_strftime_does() {
        assert_eq!(stamp("%m:%d:%H:%M:%S", 1_795_824_061).unwrap(), "11:28:00:01:01");
        assert_eq!(stamp("[%Y-%m-%d %a %b %j %%]", 0).unwrap(), "[1970-01-01 Thu Jan 001 %]");
        assert!(stamp("%!", 0).unwrap_err().contains("timestamp_format '%!'"));
    }
}
