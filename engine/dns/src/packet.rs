//! Questions and answers as bytes.
