//! The log formats, in the order in which the reference and the console name them.

use crate::formats::{Format, acctlog, bouncelog, mainlog, paniclog, rejectlog};

pub const FORMATS: [&Format; 5] =
    [&mainlog::FORMAT, &bouncelog::FORMAT, &rejectlog::FORMAT, &paniclog::FORMAT, &acctlog::FORMAT];

/// The format that an option such as `mainlog` stands for.
pub fn format_named(name: &str) -> Option<&'static Format> {
    FORMATS.into_iter().find(|format| format.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_format_is_found_by_its_own_name_and_has_its_own_file() {
        for (index, format) in FORMATS.into_iter().enumerate() {
            assert_eq!(format_named(format.name).map(|found| found.default_file), Some(format.default_file));
            assert_eq!(format.default_file, format!("/var/log/ecelerity/{}.ec", format.name));
            assert!(FORMATS[..index].iter().all(|other| other.name != format.name));
        }
        assert!(format_named("smpplog").is_none());
    }
}
