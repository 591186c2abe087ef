//! Replacing a forgotten password: the way that existing clients take, and the ways that others try.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "../environment/mod.rs"]
mod environment;
mod flow;
mod guessing;
mod limits;
mod strangers;
mod support;
