//! The language as its users meet it: whole configurations in, values or complaints out.

mod cases;
mod changes;
mod declared;
mod fallback;
mod limits;
mod printing;
mod reference;
mod spec_examples;
mod views;
