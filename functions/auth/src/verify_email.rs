use crate::{App, page};
use axum::extract::State;
use axum::response::Response;
use domain::Error;
use std::str::FromStr;
use std::sync::Arc;
use web::{Access, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/auth/verify/{token}",
    Access::Public,
    "verify_email",
    "Prove a mail address by the link of its mail",
)
.media_type("text/html");

/// The token of a link: 32 random bytes in hexadecimal.
pub(crate) struct LinkToken(String);

impl FromStr for LinkToken {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let good = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        if good {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err("Invalid verification token")
        }
    }
}

pub(crate) async fn verify_email(
    State(app): State<Arc<App>>,
    Path(token): Path<LinkToken>,
) -> web::Result<Response> {
    let hash = runtime::random::sha256(&token.0);
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let now = app.clock.now();
    let user = db::verifications::use_up(&tx, &hash, now).await?;
    let user = user.ok_or_else(|| Error::invalid("invalid_token", "Invalid verification token"))?;
    db::suppressions::proved(&tx, user, now).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(page::verified(&app.frontend_url))
}
