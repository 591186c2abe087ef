use crate::App;
use crate::mailing_content::{Named, content};
use crate::mailing_out::MailingOut;
use axum::extract::State;
use domain::audit::{Changes, Subject};
use domain::change::Change;
use domain::mailing::{Audience, Messages, Step};
use domain::promo_code::PromoCode;
use domain::{Error, EventId, MailingId};
use std::sync::Arc;
use web::{Access, Answer, Json, Origin, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/promos/mailings/{id}",
    Access::Publisher,
    "update_mailing",
    "Change a draft of a promotional mail",
)
.body::<MailingPatch>()
.data::<MailingOut>()
.conflicts(&["mailing_begun", "mailing_over"]);

web::input! {
    /// Changes to a draft; absent fields stay.
    pub(crate) struct MailingPatch {
        /// To whom it goes.
        audience: Option<Audience>,
        /// Buyers of this event only; null for those of all.
        past_event_id: Change<EventId>,
        /// The event that is promoted; null for none.
        event_id: Change<EventId>,
        /// A promo code to show; null for none.
        promo_code: Change<PromoCode>,
        /// What is said, in all its languages.
        messages: Option<Messages>,
    }
}

pub(crate) async fn update_mailing(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<MailingId>,
    origin: Origin,
    Json(input): Json<MailingPatch>,
) -> web::Result<Answer<MailingOut>> {
    let now = app.clock.now();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = db::mailings::lock(&tx, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Mailing"))?;
    before.status.after(Step::Edit, before.started_at.is_some())?;
    // A code that was deleted since is looked for again under its name only if it is named again.
    let (keeps_code, before_promo) = (input.promo_code.is_keep(), before.content.promo);
    let named = Named {
        audience: input.audience.unwrap_or(before.content.audience),
        past_event: input.past_event_id.of(before.content.past_event),
        event: input.event_id.of(before.content.event),
        code: input.promo_code.set(),
        messages: input.messages.unwrap_or_else(|| before.content.messages.clone()),
    };
    let mut after = content(tx.client(), caller, before.organizer.is_none(), named).await?;
    if keeps_code {
        after.promo = before_promo;
    }
    if after != before.content {
        db::mailings::edit(&tx, id, &after, now).await?;
        let changes = Changes::none()
            .moved("audience", &before.content.audience, &after.audience)
            .moved("pastEventId", &before.content.past_event, &after.past_event)
            .moved("eventId", &before.content.event, &after.event)
            .moved("promoId", &before.content.promo, &after.promo)
            .moved("messages", &before.content.messages, &after.messages);
        let entry = origin.entry(caller, ROUTE.id, Subject::Mailing(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    let mailing = db::mailings::find(tx.client(), id, caller.id, caller.is_admin()).await?;
    let mailing = mailing.ok_or_else(|| Error::not_found("Mailing"))?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(MailingOut::from(mailing)).message("Mailing updated successfully"))
}
