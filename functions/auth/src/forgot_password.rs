use crate::reset::TOKEN_SECONDS;
use crate::{App, limits};
use axum::extract::State;
use db::password_resets::{self, NewReset};
use domain::user::Email;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, ClientIp, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/forgot-password",
    Access::Public,
    "forgot_password",
    "Begin to replace a forgotten password; the token it gives is good for an hour and for nothing else",
)
.body::<ForgotPasswordIn>()
.data::<ForgotPasswordOut>();

/// Old rows deleted with each new one, so that the table stays as small as an hour's questions.
const SWEEP: u32 = 20;

web::input! {
    /// Whose password is forgotten.
    pub(crate) struct ForgotPasswordIn {
        /// Mail address of the account.
        email: Email,
    }
}

/// What the next steps take. Everybody gets one, whether or not there is such an account.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ForgotPasswordOut {
    /// The token of the reset.
    token: String,
}

pub(crate) async fn forgot_password(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Json(input): Json<ForgotPasswordIn>,
) -> web::Result<Answer<ForgotPasswordOut>> {
    let now = app.clock.now();
    let quota = limits::forgot(&app, &ip, &input.email, now).await?;
    let token = runtime::random::hex::<32>();
    let new = NewReset {
        token_hash: &runtime::random::sha256(&token),
        address_hash: &runtime::random::sha256(&input.email.as_str().to_lowercase()),
        email: &input.email,
        expires_at: now.plus_seconds(TOKEN_SECONDS),
    };
    let conn = app.db.conn().await?;
    password_resets::insert(&conn, &new, now).await?;
    // Mails are counted by the hour, so rows stay for an hour after their last mail.
    password_resets::forget(&conn, now.plus_seconds(-TOKEN_SECONDS), SWEEP).await?;
    let message = "Password reset initiated. Please check your email for next steps.";
    Ok(Answer::ok(ForgotPasswordOut { token })
        .message(message)
        .quota(quota))
}
