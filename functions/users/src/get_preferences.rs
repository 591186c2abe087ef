use crate::App;
use crate::preferences::PreferencesOut;
use axum::extract::State;
use domain::Error;
use std::sync::Arc;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/users/me/preferences",
    Access::User,
    "get_preferences",
    "Read what the caller wants to be told, and in which language",
)
.data::<PreferencesOut>();

pub(crate) async fn get_preferences(
    State(app): State<Arc<App>>,
    caller: Caller,
) -> web::Result<Answer<PreferencesOut>> {
    let conn = app.db.conn().await?;
    let wishes = db::preferences::find(&conn, caller.id)
        .await?
        .ok_or_else(|| Error::not_found("User"))?;
    let data = PreferencesOut::of(&app, caller.id, wishes);
    Ok(Answer::ok(data).message("Preferences retrieved successfully"))
}
