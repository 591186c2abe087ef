#![doc = include_str!("../README.md")]

pub mod answer;
pub mod auth;
mod failure;
mod finish;
pub mod input;
mod origin;
mod quota;
pub mod route;
mod serve;
pub mod tokens;
mod upload;

pub use answer::{Answer, Meta};
pub use auth::{Admin, Caller, ClientIp, Publisher, Service, Staff, Viewer};
pub use failure::Failure;
pub use finish::Site;
pub use input::{Input, Json, Keyed, LargeJson, LargeKeyed, Path, Paths, Query};
pub use origin::Origin;
pub use quota::Quota;
pub use route::{Access, Route, Router};
pub use serve::run;
pub use tokens::Tokens;
pub use upload::{Upload, WithImage};

/// Result of a handler.
pub type Result<T, E = Failure> = std::result::Result<T, E>;
