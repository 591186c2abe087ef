use crate::{App, page};
use axum::extract::State;
use axum::response::Response;
use domain::{Error, UserId};
use std::sync::Arc;
use web::input::{Fields, Input};
use web::{Access, Query, Route};

pub(crate) const PAGE_ROUTE: Route = Route::new(
    "GET",
    "/api/v1/users/unsubscribe",
    Access::Public,
    "show_unsubscribe_page",
    "A page with a button that ends promotional mails; reading it changes nothing",
)
.query::<Link>()
.media_type("text/html");

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/users/unsubscribe",
    Access::Public,
    "unsubscribe",
    "End promotional mails with one click (RFC 8058); a body, such as `List-Unsubscribe=One-Click`, is not looked at",
)
.query::<Link>()
.media_type("text/html");

/// The link of a promotional mail.
#[derive(Debug, schemars::JsonSchema)]
pub(crate) struct Link {
    /// Signed by the fleet; it says whose mails shall end.
    token: String,
}

impl Input for Link {
    fn read(fields: &mut Fields) -> Option<Self> {
        let token = fields.take("token");
        Some(Self { token: token? })
    }
}

impl Link {
    fn user(&self, app: &App) -> domain::Result<UserId> {
        let user = app.unsubscribing.check(&self.token).map(UserId::new);
        user.ok_or_else(|| Error::invalid("invalid_token", "Invalid unsubscribe link"))
    }
}

pub(crate) async fn show_unsubscribe_page(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
) -> web::Result<Response> {
    // Programs that look through mails open every link, so this only asks.
    link.user(&app)?;
    Ok(page::ask_to_unsubscribe())
}

pub(crate) async fn unsubscribe(
    State(app): State<Arc<App>>,
    Query(link): Query<Link>,
) -> web::Result<Response> {
    let user = link.user(&app)?;
    let conn = app.db.conn().await?;
    db::preferences::unsubscribe(&conn, user, app.clock.now()).await?;
    Ok(page::unsubscribed())
}
