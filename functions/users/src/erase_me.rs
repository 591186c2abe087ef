use crate::App;
use axum::extract::State;
use credentials::Verdict;
use db::personal_data::{self, Erased};
use domain::Error;
use domain::user::Password;
use std::sync::Arc;
use web::{Access, Answer, Caller, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/users/me",
    Access::User,
    "erase_me",
    "Erase the caller's account: everything personal goes for good; orders, payments and tickets stay, without a name",
)
.body::<Confirmation>()
.conflicts(&["own_account", "has_events", "password_changed"]);

web::input! {
    strict
    /// The proof that it is the owner who asks.
    pub(crate) struct Confirmation {
        /// The password of the account.
        password: Password,
    }
}

pub(crate) async fn erase_me(
    State(app): State<Arc<App>>,
    caller: Caller,
    Json(input): Json<Confirmation>,
) -> web::Result<Answer<()>> {
    let missing = || Error::not_found("User");
    let mut conn = app.db.conn().await?;
    let stored = db::users::password_hash(&conn, caller.id)
        .await?
        .ok_or_else(missing)?;
    if credentials::check(&input.password, Some(&stored))? == Verdict::Wrong {
        return Err(Error::invalid("wrong_password", "Password is wrong").into());
    }
    // No row is locked while the password is hashed, so another request may have been faster.
    let tx = conn.begin().await?;
    match personal_data::erase_own(&tx, caller.id, &stored, app.clock.now()).await? {
        Erased::Done => {}
        Erased::Missing => return Err(missing().into()),
        Erased::PasswordChanged => {
            let message = "The password was changed at the same moment, please try again";
            return Err(Error::conflict("password_changed", message).into());
        }
        Erased::IsAdmin => {
            let message = "Admins cannot erase their own account; another admin can delete it";
            return Err(Error::conflict("own_account", message).into());
        }
        Erased::HasEvents => {
            let message = "The account has published events that are still to come; cancel them first";
            return Err(Error::conflict("has_events", message).into());
        }
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Account erased successfully"))
}
