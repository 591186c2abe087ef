use crate::App;
use crate::mailing_content::{Named, content};
use crate::mailing_out::MailingOut;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::audit::{Changes, Subject};
use domain::language::Language;
use domain::mailing::{Audience, Messages};
use domain::promo_code::PromoCode;
use domain::{Error, EventId};
use std::sync::Arc;
use web::{Access, Answer, Keyed, Origin, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/promos/mailings",
    Access::Publisher,
    "create_mailing",
    "Write a promotional mail to those who bought tickets before, or follow the categories of an event; it is a draft until it is sent",
)
.status(201)
.body::<MailingIn>()
.data::<MailingOut>()
.idempotent();

web::input! {
    /// A new promotional mail.
    pub(crate) struct MailingIn {
        /// To whom it goes; of the platform, `past_buyers` are those of all events and `everybody` is possible.
        audience: Audience,
        /// Buyers of this event only.
        past_event_id: Option<EventId>,
        /// The event that is promoted: the mail shows it and leads to it. Followers are those of its categories.
        event_id: Option<EventId>,
        /// A promo code to show.
        promo_code: Option<PromoCode>,
        /// What is said, in Indonesian (`id`), in English (`en`) or in both: plain text, without links.
        messages: Messages,
    }
}

pub(crate) async fn create_mailing(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    origin: Origin,
    mut request: Keyed<MailingIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let input = request.body;
    let named = Named {
        audience: input.audience,
        past_event: input.past_event_id,
        event: input.event_id,
        code: input.promo_code,
        messages: input.messages,
    };
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let content = content(tx.client(), caller, caller.is_admin(), named).await?;
    let organizer = (!caller.is_admin()).then_some(caller.id);
    let id = db::mailings::insert(&tx, organizer, &content, now).await?;
    let mailing = db::mailings::find(tx.client(), id, caller.id, caller.is_admin()).await?;
    let mailing = mailing.ok_or_else(|| Error::internal("a mailing is gone that was just made"))?;
    let subject = content.messages.to_reader(Language::default());
    let changes = Changes::none()
        .set("audience", content.audience)
        .set_if("eventId", content.event)
        .set_if("subject", subject.map(|(_, words)| words.subject.as_str()));
    db::audit::record(
        &tx,
        &origin.entry(caller, ROUTE.id, Subject::Mailing(id), changes, now),
    )
    .await?;
    let answer = Answer::created("Mailing created successfully", MailingOut::from(mailing));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}
