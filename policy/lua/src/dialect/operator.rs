//! The operators by precedence, and the functions that stand for those which only the dialect has.
//!
//! The functions are locals of every chunk (see `PROLOGUE`), so a script's environment cannot hide them.

pub struct Binary {
    pub text: &'static str,
    pub left: u8,
    pub right: u8,
    /// The function that is called instead.
    pub function: Option<&'static str>,
}

pub const UNARY: u8 = 8;
pub const COMPLEMENT: &str = "__not";

const fn plain(text: &'static str, left: u8, right: u8) -> Binary {
    Binary { text, left, right, function: None }
}

const fn called(text: &'static str, precedence: u8, function: &'static str) -> Binary {
    Binary { text, left: precedence, right: precedence, function: Some(function) }
}

pub static BINARY: [Binary; 22] = [
    plain("or", 1, 1),
    plain("and", 2, 2),
    plain("<", 3, 3),
    plain(">", 3, 3),
    plain("<=", 3, 3),
    plain(">=", 3, 3),
    plain("~=", 3, 3),
    plain("!=", 3, 3),
    plain("==", 3, 3),
    plain("..", 5, 4),
    plain("+", 6, 6),
    plain("-", 6, 6),
    called("|", 6, "__or"),
    called("&", 6, "__and"),
    called("^^", 6, "__xor"),
    plain("*", 7, 7),
    plain("/", 7, 7),
    plain("%", 7, 7),
    called("<<", 7, "__shl"),
    called(">>", 7, "__shr"),
    called("\\", 7, "__intdiv"),
    plain("^", 10, 9),
];

/// The parameters of a translated chunk, in order.
pub const FUNCTIONS: [&str; 7] = ["__and", "__or", "__xor", "__shl", "__shr", "__not", "__intdiv"];
