use crate::App;
use axum::extract::State;
use domain::{CategoryId, Error};
use std::sync::Arc;
use views::CategoryOut;
use web::{Access, Answer, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/categories/{id}",
    Access::Public,
    "get_category",
    "Read a category",
)
.data::<CategoryOut>();

pub(crate) async fn get_category(
    State(app): State<Arc<App>>,
    Path(id): Path<CategoryId>,
) -> web::Result<Answer<CategoryOut>> {
    let conn = app.db.conn().await?;
    let category = db::categories::find(&conn, id)
        .await?
        .ok_or_else(|| Error::not_found("Category"))?;
    Ok(Answer::ok(category.into()).cached(30))
}
