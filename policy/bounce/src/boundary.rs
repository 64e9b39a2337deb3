//! The line that separates the parts of a notice.
