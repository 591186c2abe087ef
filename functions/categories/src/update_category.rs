use crate::{App, name_taken};
use axum::extract::State;
use db::categories::Written;
use domain::event::CategoryName;
use domain::{CategoryId, Error};
use std::sync::Arc;
use views::CategoryOut;
use web::{Access, Admin, Answer, Json, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/categories/{id}",
    Access::Admin,
    "update_category",
    "Rename a category",
)
.body::<CategoryPatch>()
.data::<CategoryOut>()
.conflicts(&["name_taken"]);

web::input! {
    /// Changes to a category; absent fields stay.
    pub(crate) struct CategoryPatch {
        /// What it is called.
        name: Option<CategoryName>,
    }
}

pub(crate) async fn update_category(
    State(app): State<Arc<App>>,
    _: Admin,
    Path(id): Path<CategoryId>,
    Json(input): Json<CategoryPatch>,
) -> web::Result<Answer<CategoryOut>> {
    let conn = app.db.conn().await?;
    match db::categories::update(&conn, id, input.name.as_ref(), app.clock.now()).await? {
        Written::Category(category) => {
            Ok(Answer::ok(category.into()).message("Category updated successfully"))
        }
        Written::NameTaken => Err(name_taken().into()),
        Written::Missing => Err(Error::not_found("Category").into()),
    }
}
