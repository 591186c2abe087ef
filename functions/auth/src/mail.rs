use crate::{App, LINK_SECONDS};
use db::Transaction;
use domain::message::{Mail, Outgoing};
use domain::{Timestamp, UserId};

/// Makes a new link for an account, voids the old one, and writes the mail that carries it to the outbox.
pub(crate) async fn write_verification(
    app: &App,
    tx: &Transaction<'_>,
    user: UserId,
    email: &str,
    name: &str,
    now: Timestamp,
) -> domain::Result<Outgoing> {
    let token = runtime::random::hex::<32>();
    let hash = runtime::random::sha256(&token);
    db::verifications::put(tx, user, &hash, now.plus_seconds(LINK_SECONDS), now).await?;
    let link = format!("{}/api/v1/auth/verify/{token}", app.base_url);
    let mail = Mail::Verification {
        to: email.to_owned(),
        name: name.to_owned(),
        link,
    };
    let message = Outgoing::mail(runtime::random::hex::<16>(), mail)?;
    db::outbox::insert(tx, &message, now).await?;
    Ok(message)
}
