use crate::App;
use axum::extract::State;
use db::administration::{self, RoleChange};
use domain::user::Role;
use domain::{Error, UserId};
use std::sync::Arc;
use views::UserOut;
use web::{Access, Admin, Answer, Json, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/users/{id}/role",
    Access::Admin,
    "change_user_role",
    "Change what an account may do; tokens say so from its next log in",
)
.body::<NewRole>()
.data::<UserOut>()
.conflicts(&["own_account"]);

web::input! {
    strict
    /// Another role for an account.
    pub(crate) struct NewRole {
        /// What it may do from now on.
        role: Role,
    }
}

pub(crate) async fn change_user_role(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<UserId>,
    Json(input): Json<NewRole>,
) -> web::Result<Answer<UserOut>> {
    if id == caller.id {
        let message = "Admins cannot change their own role; another admin can";
        return Err(Error::conflict("own_account", message).into());
    }
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let changed = administration::change_role(&tx, id, caller.id, input.role, app.clock.now()).await?;
    let user = match changed {
        RoleChange::Done(user) => user,
        RoleChange::Missing => return Err(Error::not_found("User").into()),
        RoleChange::NotAdmin => return Err(Error::forbidden().into()),
    };
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(user.into()).message("Role updated successfully"))
}
