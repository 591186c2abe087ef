//! Which tables and columns tell something about a person, whose it is, what they get to see of it, and what becomes of it when
//! an account is erased. A test compares [`TABLES`] with the migrated schema, another fills every erased column and looks for
//! what is left of it afterwards.

mod erasure;
mod export;
mod tables;

pub use erasure::{Erased, erase_own};
pub(crate) use erasure::{erase, void_mailed};
pub use export::{ROWS_OF_A_PART, Rows, export};
pub use tables::{Column, Erasure, Is, TABLES, Table};
