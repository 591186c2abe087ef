use crate::App;
use domain::realtime::{HANDSHAKES, MOST_CONNECTIONS};
use domain::{Error, Kind};
use kv::{Connection, Who};
use worker::Visitor;

/// Lets somebody in: with a ticket as whose it is, without one as a stranger, who may follow what everybody may see. A ticket
/// that is not good lets nobody in, so that a client never believes to be somebody while it is a stranger.
pub(crate) async fn connect(app: &App, visitor: &Visitor<'_>) -> Result<(), Error> {
    let now = app.clock.now();
    let limit = HANDSHAKES.times(app.caller_factor);
    let counted = app.store.use_up(limit, visitor.ip, now).await?;
    if !counted.allowed {
        let message = "Too many connections. Please try again in some minutes.";
        let error = Error::new(Kind::RateLimited, "rate_limited", message);
        return Err(error.retry_after(counted.reset_seconds));
    }
    let who = match visitor.ticket {
        Some(ticket) => {
            let conn = app.db.conn().await?;
            let used = db::realtime::use_ticket(&conn, &runtime::random::sha256(ticket), now).await?;
            let (user, session) = used.ok_or_else(|| Error::unauthenticated("Invalid ticket"))?;
            Some(Who { user, session })
        }
        None => None,
    };
    let connection = Connection {
        id: visitor.connection.to_owned(),
        who,
    };
    let first_slot = runtime::random::below(MOST_CONNECTIONS);
    if !app.connections.open(&connection, first_slot, now).await? {
        let message = format!("An account may have {MOST_CONNECTIONS} connections at a time");
        return Err(Error::new(Kind::RateLimited, "too_many_connections", message));
    }
    Ok(())
}
