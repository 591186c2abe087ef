//! Takes from the queue `mail-events` what SES tells about mails that went: an address whose mailbox does not exist gets no more
//! until somebody proves it again, and whoever complained gets only what they bought or asked for. A mailbox that is full, a
//! server that is busy and an answer of somebody who is away change nothing.
//!
//! SES may tell late, twice and in any order; what it tells carries its time, and an address that was proved later stays good.

mod event;

use db::{Db, suppressions};
use domain::Error;
use event::{Event, Trouble};
use runtime::{BootError, Env};
use worker::{Consumer, Record};

/// What SES publishes, as plain text, when it is told where to publish.
const GREETING: &str = "Successfully validated SNS topic";

/// What the function works with.
pub struct App {
    /// The database.
    pub db: Db,
}

impl App {
    /// Reads the configuration.
    ///
    /// # Errors
    /// What is missing or wrong.
    pub fn from_env(env: &Env) -> Result<Self, BootError> {
        let config = db::Config::from_lookup(|name| env.get(name)).map_err(BootError::Other)?;
        Ok(Self { db: Db::new(config) })
    }
}

impl Consumer for App {
    async fn consume(&self, record: &Record) -> Result<(), Error> {
        if record.body.starts_with(GREETING) {
            return Ok(());
        }
        let event: Event = worker::decode(&record.body)?;
        let Some(Trouble { kind, addresses, at }) = event.trouble() else {
            return Ok(());
        };
        tracing::warn!(
            provider_id = event.mail.message_id,
            kind = kind.as_str(),
            count = addresses.len(),
            "a mail made trouble, its address is kept from more"
        );
        let conn = self.db.conn().await?;
        for address in addresses {
            match kind {
                event::Kind::Bounce => suppressions::bounced(&conn, address, at).await?,
                event::Kind::Complaint => suppressions::complained(&conn, address, at).await?,
            }
        }
        Ok(())
    }
}
