//! Mails as they leave the fleet: written as MIME here, handed over to SES.
//!
//! What a mail says is the business of its function; this crate only knows that it has a text, the same as HTML,
//! pictures and attachments. Nothing that a person typed can become a header or another recipient.

mod error;
mod mailbox;
mod mailer;
mod mime;

pub use error::MailError;
pub use mailbox::Mailbox;
pub use mailer::{Delivered, Mailer, ProviderId};
pub use mime::{Attachment, OutgoingMail, Picture};
