use crate::App;
use axum::extract::State;
use db::administration::{self, RoleChange};
use domain::audit::{Changes, Subject};
use domain::user::Role;
use domain::{Error, UserId};
use std::sync::Arc;
use views::UserOut;
use web::{Access, Admin, Answer, Json, Origin, Path, Route};

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
    origin: Origin,
    Json(input): Json<NewRole>,
) -> web::Result<Answer<UserOut>> {
    if id == caller.id {
        let message = "Admins cannot change their own role; another admin can";
        return Err(Error::conflict("own_account", message).into());
    }
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let now = app.clock.now();
    let changed = administration::change_role(&tx, id, caller.id, input.role, now).await?;
    let (user, before) = match changed {
        RoleChange::Done(user, before) => (user, before),
        RoleChange::Missing => return Err(Error::not_found("User").into()),
        RoleChange::NotAdmin => return Err(Error::forbidden().into()),
    };
    let changes = Changes::none().moved("role", &before, &user.role);
    if !changes.is_empty() {
        let entry = origin.entry(caller, ROUTE.id, Subject::User(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(user.into()).message("Role updated successfully"))
}
