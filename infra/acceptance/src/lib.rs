#![doc = include_str!("../README.md")]

mod aws;
mod database;
mod fleet;
mod gate;
mod http;
mod imagekit;
mod invariants;
mod logs;
mod mailbox;
mod midtrans;
mod night;
mod people;
pub mod pictures;
mod processes;
mod sockets;
mod waiting;

pub use aws::{Message, Queue};
pub use database::{Database, Stock};
pub use fleet::{Fleet, Secrets};
pub use gate::{Gate, Refusal, Scanned, read_qr};
pub use http::{Api, Reply};
pub use imagekit::{ImageKit, Outage};
pub use logs::Logs;
pub use mailbox::Mail;
pub use midtrans::{Faults, Midtrans, PaymentPage};
pub use night::Night;
pub use people::{Buyer, Event, Organizer, PASSWORD, TicketTerms};
pub use sockets::Sockets;
pub use waiting::{eventually, unique};
