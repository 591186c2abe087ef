use crate::App;
use axum::extract::State;
use db::administration::{self, Deleted};
use domain::audit::{Changes, Subject};
use domain::{Error, UserId};
use std::sync::Arc;
use web::{Access, Admin, Answer, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/users/{id}",
    Access::Admin,
    "delete_user",
    "Delete an account: everything personal goes; orders, payments and tickets stay",
)
.conflicts(&["own_account", "has_events"]);

pub(crate) async fn delete_user(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<UserId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    if id == caller.id {
        let message = "Admins cannot delete their own account; another admin can";
        return Err(Error::conflict("own_account", message).into());
    }
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let now = app.clock.now();
    match administration::delete(&tx, id, caller.id, now).await? {
        Deleted::Done => {}
        Deleted::Missing => return Err(Error::not_found("User").into()),
        Deleted::HasEvents => {
            let message = "The account has published events that are still to come";
            return Err(Error::conflict("has_events", message).into());
        }
        Deleted::NotAdmin => return Err(Error::forbidden().into()),
    }
    let entry = origin.entry(caller, ROUTE.id, Subject::User(id), Changes::none(), now);
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("User deleted successfully"))
}
