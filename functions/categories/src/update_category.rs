use crate::{App, name_taken};
use axum::extract::State;
use db::categories::Written;
use domain::audit::{Changes, Subject};
use domain::event::CategoryName;
use domain::{CategoryId, Error};
use std::sync::Arc;
use views::CategoryOut;
use web::{Access, Admin, Answer, Json, Origin, Path, Route};

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
    Admin(caller): Admin,
    Path(id): Path<CategoryId>,
    origin: Origin,
    Json(input): Json<CategoryPatch>,
) -> web::Result<Answer<CategoryOut>> {
    let (now, missing) = (app.clock.now(), || Error::not_found("Category"));
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let before = db::categories::lock(&tx, id).await?.ok_or_else(missing)?;
    let category = match db::categories::update(tx.client(), id, input.name.as_ref(), now).await? {
        Written::Category(category) => category,
        Written::NameTaken => return Err(name_taken().into()),
        Written::Missing => return Err(missing().into()),
    };
    let changes = Changes::none().moved("name", &before.name, &category.name);
    if !changes.is_empty() {
        let entry = origin.entry(caller, ROUTE.id, Subject::Category(id), changes, now);
        db::audit::record(&tx, &entry).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(category.into()).message("Category updated successfully"))
}
