use crate::{App, name_taken};
use axum::extract::State;
use db::categories::Written;
use domain::Error;
use domain::event::CategoryName;
use std::sync::Arc;
use views::CategoryOut;
use web::{Access, Admin, Answer, Json, Route};

pub(crate) const ROUTE: Route = Route::new(
    "POST",
    "/api/v1/categories",
    Access::Admin,
    "create_category",
    "Make a category",
)
.status(201)
.body::<CategoryIn>()
.data::<CategoryOut>()
.conflicts(&["name_taken"]);

web::input! {
    /// A new category.
    pub(crate) struct CategoryIn {
        /// What it is called; unique without regard to case.
        name: CategoryName,
    }
}

pub(crate) async fn create_category(
    State(app): State<Arc<App>>,
    _: Admin,
    Json(input): Json<CategoryIn>,
) -> web::Result<Answer<CategoryOut>> {
    let conn = app.db.conn().await?;
    match db::categories::insert(&conn, &input.name, app.clock.now()).await? {
        Written::Category(category) => Ok(Answer::created("Category created successfully", category.into())),
        Written::NameTaken => Err(name_taken().into()),
        Written::Missing => Err(Error::not_found("Category").into()),
    }
}
