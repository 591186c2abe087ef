use crate::App;
use axum::extract::State;
use domain::Error;
use std::sync::Arc;
use views::UserOut;
use web::{Access, Answer, Caller, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/users/me",
    Access::User,
    "get_me",
    "Read the caller's own account",
)
.data::<UserOut>();

pub(crate) async fn get_me(State(app): State<Arc<App>>, caller: Caller) -> web::Result<Answer<UserOut>> {
    let conn = app.db.conn().await?;
    let user = db::users::find_live(&conn, caller.id)
        .await?
        .ok_or_else(|| Error::not_found("User"))?;
    Ok(Answer::ok(user.into()).message("User retrieved successfully"))
}
