use crate::{App, limits, mail};
use axum::extract::State;
use domain::user::Email;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, ClientIp, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/resend-verification",
    Access::Public,
    "resend_verification",
    "Send the link again; 3 times an hour per address and per caller",
)
.body::<ResendIn>()
.data::<ResendOut>();

web::input! {
    /// Where to send the link.
    pub(crate) struct ResendIn {
        /// Mail address of the account.
        email: Email,
    }
}

/// The same answer whether or not there is such an account.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ResendOut {
    message: &'static str,
}

pub(crate) async fn resend_verification(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Json(input): Json<ResendIn>,
) -> web::Result<Answer<ResendOut>> {
    let now = app.clock.now();
    let quota = limits::resend(&app, &ip, &input.email, now).await?;
    let mut conn = app.db.conn().await?;
    if let Some((user, _)) = db::users::credentials(&conn, &input.email).await?
        // Whose mailbox was missing proves it again, with an old account, too.
        && (!user.is_verified || db::suppressions::find(&conn, &user.email).await?.bounced)
    {
        let tx = conn.begin().await?;
        let message = mail::write_verification(&app, &tx, user.id, &user.email, &user.name, now).await?;
        tx.commit().await.map_err(db::DbError::from)?;
        app.queue
            .publish_committed(&[message], async |ids| {
                db::outbox::mark_published(&conn, ids, now).await
            })
            .await;
    }
    let message = "Verification email resent successfully";
    Ok(Answer::ok(ResendOut { message }).message(message).quota(quota))
}
