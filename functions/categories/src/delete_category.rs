use crate::App;
use axum::extract::State;
use db::categories::Deleted;
use domain::{CategoryId, Error};
use std::sync::Arc;
use web::{Access, Admin, Answer, Path, Route};

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
    _: Admin,
    Path(id): Path<CategoryId>,
) -> web::Result<Answer<()>> {
    let conn = app.db.conn().await?;
    match db::categories::delete(&conn, id).await? {
        Deleted::Done => Ok(Answer::ok(()).message("Category deleted successfully")),
        Deleted::InUse => Err(Error::conflict("in_use", "Ticket types of this category exist").into()),
        Deleted::Missing => Err(Error::not_found("Category").into()),
    }
}
