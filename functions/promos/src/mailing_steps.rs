//! Sending, pausing, resuming and cancelling: the same with another step.

use crate::App;
use crate::mailing_out::MailingOut;
use db::mailings::Mailing;
use domain::audit::{Changes, Subject};
use domain::mailing::{DAY_SECONDS, Step, check_day};
use domain::{Error, MailingId, Timestamp};
use web::{Answer, Caller, Origin};

/// What is asked for.
pub(crate) struct Asked {
    pub(crate) step: Step,
    /// When it is to begin, for [`Step::Send`].
    pub(crate) send_at: Option<Timestamp>,
    /// The operation that asks.
    pub(crate) action: &'static str,
}

/// Takes a step with a mailing of the caller. One that was taken before changes nothing and is answered in the same way.
pub(crate) async fn take(
    app: &App,
    caller: Caller,
    origin: &Origin,
    id: MailingId,
    asked: Asked,
) -> web::Result<Answer<MailingOut>> {
    let (now, any_owner) = (app.clock.now(), caller.is_admin());
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    // Two mailings of one organizer count each other: their account is locked, before the mailing.
    let missing = || Error::not_found("Mailing");
    let organizer = db::mailings::find(tx.client(), id, caller.id, any_owner)
        .await?
        .ok_or_else(missing)?
        .organizer;
    if let (Some(organizer), Step::Send) = (organizer, asked.step) {
        db::users::lock_buyer(&tx, organizer).await?;
    }
    let before = db::mailings::lock(&tx, id, caller.id, any_owner)
        .await?
        .ok_or_else(missing)?;
    let status = before.status.after(asked.step, before.started_at.is_some())?;
    if let Some(send_at) = asked.send_at {
        check_send(&tx, &before, send_at).await?;
    }
    if status != before.status || asked.send_at.is_some() {
        db::mailings::set_status(&tx, id, status, asked.send_at, now).await?;
        let changes = Changes::none()
            .moved("status", &before.status, &status)
            .set_if("sendAt", asked.send_at);
        let entry = origin.entry(caller, asked.action, Subject::Mailing(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    let mailing = db::mailings::find(tx.client(), id, caller.id, any_owner).await?;
    let mailing = mailing.ok_or_else(missing)?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(MailingOut::from(mailing)))
}

/// Refuses to send what will be over by then, and more than an organizer may send within a day.
async fn check_send(tx: &db::Transaction<'_>, mailing: &Mailing, send_at: Timestamp) -> domain::Result<()> {
    if db::mailings::is_offer_over(tx.client(), mailing.id, send_at).await? {
        let message = "The event or the promo code of this mailing is over by then, or not published";
        return Err(Error::conflict("offer_over", message));
    }
    if let Some(organizer) = mailing.organizer {
        let (after, before) = (
            send_at.plus_seconds(-DAY_SECONDS),
            send_at.plus_seconds(DAY_SECONDS),
        );
        let others = db::mailings::count_between(tx, organizer, mailing.id, after, before).await?;
        check_day(others)?;
    }
    Ok(())
}
