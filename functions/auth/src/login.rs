use crate::{App, limits};
use axum::extract::State;
use credentials::Verdict;
use domain::user::{Email, Password};
use domain::{Error, Kind};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use views::UserOut;
use web::tokens::Subject;
use web::{Access, Answer, ClientIp, Json, Route};

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

/// A token and whose it is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LoginOut {
    user: UserOut,
    /// Send it as `Authorization: Bearer …`.
    token: String,
}

pub(crate) async fn login(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Json(input): Json<LoginIn>,
) -> web::Result<Answer<LoginOut>> {
    // The token is dated before the password is read: one that is replaced meanwhile gives no token that outlives it.
    let now = app.clock.now();
    let quota = limits::log_in(&app, &ip, &input.email, now).await?;
    let conn = app.db.conn().await?;
    let found = db::users::credentials(&conn, &input.email).await?;
    let stored = found.as_ref().map(|(_, hash)| hash.as_str());
    let verdict = credentials::check(&input.password, stored)?;
    let (Some((user, hash)), Verdict::Right { outdated }) = (found, verdict) else {
        return Err(Error::unauthenticated("Invalid email or password").into());
    };
    if outdated {
        db::users::rehash(
            &conn,
            user.id,
            &hash,
            &credentials::hash(input.password.expose())?,
        )
        .await?;
    }
    if !user.is_verified {
        let message = "Please verify your email before logging in. Check your email for verification link.";
        return Err(Error::new(Kind::Forbidden, "email_not_verified", message).into());
    }
    let subject = Subject {
        id: user.id,
        email: &user.email,
        name: &user.name,
        role: user.role,
    };
    let token = app.tokens.issue(&subject, now)?;
    Ok(Answer::ok(LoginOut {
        user: user.into(),
        token,
    })
    .message("Login successful")
    .quota(quota))
}
