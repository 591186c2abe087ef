use crate::App;
use axum::extract::State;
use credentials::Verdict;
use domain::Error;
use domain::user::{NewPassword, Password};
use std::sync::Arc;
use web::{Access, Answer, Caller, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/users/me/password",
    Access::User,
    "change_password",
    "Change the caller's own password; voids the resets of the account",
)
.body::<PasswordChange>()
.conflicts(&["password_changed"]);

web::input! {
    strict
    /// The old password and the new one.
    pub(crate) struct PasswordChange {
        /// What it is now.
        current_password: Password,
        /// What it will be.
        new_password: NewPassword,
    }
}

pub(crate) async fn change_password(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(input): Json<PasswordChange>,
) -> web::Result<Answer<()>> {
    let mut conn = app.db.conn().await?;
    let stored = db::users::password_hash(&conn, caller.id)
        .await?
        .ok_or_else(|| Error::not_found("User"))?;
    if credentials::check(&input.current_password, Some(&stored))? == Verdict::Wrong {
        return Err(Error::invalid("wrong_password", "Current password is wrong").into());
    }
    let new = credentials::hash(input.new_password.expose())?;
    // No row is locked while passwords are hashed, so another request may have been faster.
    let tx = conn.begin().await?;
    if !db::users::change_password(&tx, caller.id, &stored, &new, app.clock.now()).await? {
        let message = "The password was changed at the same moment, please try again";
        return Err(Error::conflict("password_changed", message).into());
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Password updated successfully"))
}
