use crate::{App, mail};
use axum::extract::State;
use domain::user::Email;
use domain::{Error, Kind};
use http::HeaderValue;
use kv::{Decision, Limit};
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

/// How often a link is sent again to one address, and how often one caller may ask.
const PER_ADDRESS: Limit = Limit {
    action: "resend-address",
    uses: 3,
    window_seconds: 3_600,
};
const PER_CALLER: Limit = Limit {
    action: "resend-caller",
    uses: 3,
    window_seconds: 3_600,
};

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
    // The table holds no addresses: the key is a hash.
    let address = runtime::random::to_hex(&runtime::random::sha256(&input.email.as_str().to_lowercase()));
    let by_caller = app.store.use_up(PER_CALLER, &ip.0, now).await?;
    let by_address = app.store.use_up(PER_ADDRESS, &address, now).await?;
    let tightest = if by_address.remaining < by_caller.remaining {
        by_address
    } else {
        by_caller
    };
    if !(by_caller.allowed && by_address.allowed) {
        let message = "Too many verification email requests. Please try again after an hour.";
        return Err(Error::new(Kind::RateLimited, "rate_limited", message)
            .retry_after(tightest.reset_seconds)
            .into());
    }
    let mut conn = app.db.conn().await?;
    if let Some((user, _)) = db::users::credentials(&conn, &input.email).await?
        && !user.is_verified
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
    Ok(with_limits(
        Answer::ok(ResendOut { message }).message(message),
        tightest,
    ))
}

/// `RateLimit-*` headers as clients of the original know them.
fn with_limits<T: Serialize>(answer: Answer<T>, decision: Decision) -> Answer<T> {
    answer
        .header("ratelimit-policy", HeaderValue::from_static("3;w=3600"))
        .header("ratelimit-limit", PER_ADDRESS.uses)
        .header("ratelimit-remaining", decision.remaining)
        .header("ratelimit-reset", decision.reset_seconds)
}
