//! The program. It reads the command line and starts what is asked for.

fn main() {}
