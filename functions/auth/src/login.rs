use crate::session::{NextTokens, TokensOut, device};
use crate::{App, limits};
use axum::extract::State;
use credentials::Verdict;
use domain::user::{Email, Password};
use domain::{Error, Kind};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use views::UserOut;
use web::{Access, Answer, ClientIp, Json, Origin, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/login",
    Access::Public,
    "login",
    "Get a token for a mail address and its password",
)
.body::<LoginIn>()
.data::<LoginOut>();

web::input! {
    strict
    /// Credentials.
    pub(crate) struct LoginIn {
        /// Mail address, in whatever case.
        email: Email,
        /// Password.
        password: Password,
    }
}

/// Tokens and whose they are.
#[derive(Serialize, JsonSchema)]
pub(crate) struct LoginOut {
    user: UserOut,
    #[serde(flatten)]
    tokens: TokensOut,
}

pub(crate) async fn login(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    origin: Origin,
    Json(input): Json<LoginIn>,
) -> web::Result<Answer<LoginOut>> {
    let now = app.clock.now();
    let quota = limits::log_in(&app, &ip, &input.email, now).await?;
    let conn = app.db.conn().await?;
    let found = db::users::credentials(&conn, &input.email).await?;
    let stored = found.as_ref().map(|(_, hash)| hash.as_str());
    let verdict = credentials::check(&input.password, stored)?;
    let (Some((user, hash)), Verdict::Right { outdated }) = (found, verdict) else {
        return Err(wrong().into());
    };
    if !user.is_verified {
        let message = "Please verify your email before logging in. Check your email for verification link.";
        return Err(Error::new(Kind::Forbidden, "email_not_verified", message).into());
    }
    let next = NextTokens::new(now);
    let session = db::sessions::begin(&conn, user.id, &hash, device(&origin), &next.hash(), now).await?;
    let session = session.ok_or_else(wrong)?;
    if outdated {
        db::users::rehash(
            &conn,
            user.id,
            &hash,
            &credentials::hash(input.password.expose())?,
        )
        .await?;
    }
    let tokens = next.of(&app, &user, session)?;
    Ok(Answer::ok(LoginOut {
        user: user.into(),
        tokens,
    })
    .message("Login successful")
    .quota(quota))
}

/// One answer for whatever does not fit, a password that was replaced this very moment included.
fn wrong() -> Error {
    Error::unauthenticated("Invalid email or password")
}
