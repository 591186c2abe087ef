use crate::{App, NotificationOut};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::Error;
use domain::audit::{Changes, Subject};
use domain::message::Outgoing;
use domain::notification::{NotificationText, Recipient};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Admin, Answer, Keyed, Origin, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/notifications",
    Access::Admin,
    "create_notification",
    "Tell one account something, or all of them",
)
.status(201)
.body::<NotificationIn>()
.data::<CreatedOut>()
.idempotent();

web::input! {
    /// A new notification.
    pub(crate) struct NotificationIn {
        /// What it says.
        message: NotificationText,
        /// For which account it is; `"all"` is for everybody who has one by now.
        user_id: Recipient,
    }
}

/// What was written.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum CreatedOut {
    /// For one account.
    One(NotificationOut),
    /// For all.
    All {
        /// How many accounts it is for.
        count: i64,
    },
}

pub(crate) async fn create_notification(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    origin: Origin,
    mut request: Keyed<NotificationIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let message = &request.body.message;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    // The audit log keeps for whom it was, not what it said, which may be about a person.
    let (id, data, changes) = match request.body.user_id {
        Recipient::User(user) => {
            let told = db::notifications::write(&tx, user, message, now)
                .await?
                .ok_or_else(|| Error::not_found("User"))?;
            let changes = Changes::none().set("userId", user);
            (told.id, CreatedOut::One(told.into()), changes)
        }
        Recipient::Everybody(_) => {
            let (id, count) = db::notifications::write_for_all(&tx, message, now).await?;
            (
                id,
                CreatedOut::All { count },
                Changes::none().set("userId", "all"),
            )
        }
    };
    let entry = origin.entry(caller, ROUTE.id, Subject::Notification(id), changes, now);
    db::audit::record(&tx, &entry).await?;
    let answer = Answer::created("Notification created successfully", data);
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    // The schema has written the message into the outbox.
    let message = Outgoing::told(id)?;
    app.queue
        .publish_committed(&[message], async |ids| {
            db::outbox::mark_published(&conn, ids, now).await
        })
        .await;
    Ok(answer.into_response())
}
