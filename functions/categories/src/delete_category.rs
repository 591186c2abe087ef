use crate::App;
use axum::extract::State;
use db::categories::Deleted;
use domain::audit::{Changes, Subject};
use domain::{CategoryId, Error};
use std::sync::Arc;
use web::{Access, Admin, Answer, Origin, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "DELETE",
    "/api/v1/categories/{id}",
    Access::Admin,
    "delete_category",
    "Delete a category that nothing uses",
)
.conflicts(&["in_use"]);

pub(crate) async fn delete_category(
    State(app): State<Arc<App>>,
    Admin(caller): Admin,
    Path(id): Path<CategoryId>,
    origin: Origin,
) -> web::Result<Answer<()>> {
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    match db::categories::delete(tx.client(), id).await? {
        Deleted::Done => {}
        Deleted::InUse => {
            return Err(Error::conflict("in_use", "Ticket types of this category exist").into());
        }
        Deleted::Missing => return Err(Error::not_found("Category").into()),
    }
    let subject = Subject::Category(id);
    let entry = origin.entry(caller, ROUTE.id, subject, Changes::none(), app.clock.now());
    db::audit::record(&tx, &entry).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(()).message("Category deleted successfully"))
}
