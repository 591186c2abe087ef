use crate::session::{NextTokens, RefreshToken, TokensOut};
use crate::{App, limits};
use axum::extract::State;
use db::sessions;
use domain::Error;
use domain::session::Verdict;
use std::sync::Arc;
use web::{Access, Answer, ClientIp, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/auth/refresh",
    Access::Public,
    "refresh",
    "Get the next pair of tokens; a refresh token is good once, and its second use ends the session",
)
.body::<RefreshIn>()
.data::<TokensOut>()
.conflicts(&["already_refreshed"]);

web::input! {
    strict
    /// The refresh token of the last pair.
    pub(crate) struct RefreshIn {
        /// As log-in or the last refresh gave it.
        refresh_token: RefreshToken,
    }
}

pub(crate) async fn refresh(
    State(app): State<Arc<App>>,
    ip: ClientIp,
    Json(input): Json<RefreshIn>,
) -> web::Result<Answer<TokensOut>> {
    let now = app.clock.now();
    let quota = limits::refresh(&app, &ip, now).await?;
    let hash = input.refresh_token.hash();
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let found = sessions::lock(&tx, &hash).await?.ok_or_else(over)?;
    match found.presented.judge(now) {
        Verdict::Renew => {}
        Verdict::Twin => {
            let message = "This refresh token was used a moment ago; take the pair that was answered then";
            return Err(Error::conflict("already_refreshed", message).into());
        }
        Verdict::Over => return Err(over().into()),
        Verdict::Stolen => {
            sessions::end(tx.client(), found.session, found.user.id, now).await?;
            tx.commit().await.map_err(db::DbError::from)?;
            app.tokens.distrust(found.session);
            tracing::warn!(
                session = found.session.get(),
                "a refresh token came back: its session was ended"
            );
            return Err(over().into());
        }
    }
    let next = NextTokens::new(now);
    sessions::renew(&tx, found.session, &hash, &next.hash(), now).await?;
    let tokens = next.of(&app, &found.user, found.session)?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(tokens).quota(quota))
}

/// One answer for tokens that are unknown, used or of a session that is over.
fn over() -> Error {
    Error::unauthenticated("This session is over, please log in again")
}
