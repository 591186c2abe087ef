use crate::App;
use axum::extract::State;
use domain::{Error, UserId};
use std::sync::Arc;
use views::UserOut;
use web::{Access, Answer, Caller, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/users/{id}",
    Access::User,
    "get_user",
    "Read an account: people their own, admins any",
)
.data::<UserOut>();

pub(crate) async fn get_user(
    State(app): State<Arc<App>>,
    caller: Caller,
    Path(id): Path<UserId>,
) -> web::Result<Answer<UserOut>> {
    let missing = || Error::not_found("User");
    // The row of an account is its owner's: whose it is stands in the id itself.
    if id != caller.id && !caller.is_admin() {
        return Err(missing().into());
    }
    let conn = app.db.conn().await?;
    let user = db::users::find_live(&conn, id).await?.ok_or_else(missing)?;
    Ok(Answer::ok(user.into()).message("User retrieved successfully"))
}
