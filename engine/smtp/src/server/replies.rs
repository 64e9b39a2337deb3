//! The built-in replies (spec inbound-smtp.md §9.1), byte for byte: tools of operators match on them.
