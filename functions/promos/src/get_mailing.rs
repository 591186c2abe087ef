use crate::App;
use crate::mailing_out::{MailingOut, ProgressOut};
use axum::extract::State;
use domain::{Error, MailingId};
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Answer, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/promos/mailings/{id}",
    Access::Publisher,
    "get_mailing",
    "Read a promotional mail and how far it is",
)
.data::<MailingWithProgress>();

/// A promotional mail with its progress.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MailingWithProgress {
    #[serde(flatten)]
    mailing: MailingOut,
    /// How far it is: everybody of the audience who was looked at so far.
    progress: ProgressOut,
    /// Whether everybody of the audience was looked at, so that `recipients` grows no more.
    counted: bool,
}

pub(crate) async fn get_mailing(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<MailingId>,
) -> web::Result<Answer<MailingWithProgress>> {
    let conn = app.db.conn().await?;
    let mailing = db::mailings::find(&conn, id, caller.id, caller.is_admin())
        .await?
        .ok_or_else(|| Error::not_found("Mailing"))?;
    let progress = db::mailings::progress(&conn, &mailing).await?;
    Ok(Answer::ok(MailingWithProgress {
        counted: mailing.selected_at.is_some(),
        mailing: mailing.into(),
        progress: progress.into(),
    }))
}
