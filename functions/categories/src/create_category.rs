use crate::{App, name_taken};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::categories::Written;
use domain::Error;
use domain::audit::{Changes, Subject};
use domain::event::CategoryName;
use std::sync::Arc;
use views::CategoryOut;
use web::{Access, Admin, Answer, Keyed, Origin, Route};

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
.idempotent()
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
    Admin(caller): Admin,
    origin: Origin,
    mut request: Keyed<CategoryIn>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let once = request.take_once(ROUTE.id, caller.id);
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    if let Some(stored) = db::idempotency::claim(&tx, once.as_ref(), now).await? {
        return Ok(web::answer::stored(stored));
    }
    let category = match db::categories::insert(tx.client(), &request.body.name, now).await? {
        Written::Category(category) => category,
        Written::NameTaken => return Err(name_taken().into()),
        Written::Missing => return Err(Error::not_found("Category").into()),
    };
    let (subject, changes) = (
        Subject::Category(category.id),
        Changes::none().set("name", &category.name),
    );
    db::audit::record(&tx, &origin.entry(caller, ROUTE.id, subject, changes, now)).await?;
    let answer = Answer::created("Category created successfully", CategoryOut::from(category));
    db::idempotency::store(tx.client(), once.as_ref(), &answer.to_stored()).await?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(answer.into_response())
}
