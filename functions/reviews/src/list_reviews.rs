use crate::out::{ReviewOut, show};
use crate::{App, CACHED_SECONDS};
use axum::extract::State;
use db::reviews::Filter;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Meta, Query, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/reviews",
    Access::Public,
    "list_reviews",
    "List reviews, newest first",
)
.query::<PageQuery>()
.data::<ReviewList>();

web::list! {
    /// A page of reviews.
    ReviewList { reviews: ReviewOut }
}

pub(crate) async fn list_reviews(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<ReviewList>> {
    let conn = app.db.conn().await?;
    let filter = Filter {
        viewer: viewer.id(),
        sees_all: viewer.sees_all(),
        ..Filter::default()
    };
    let (rows, total) = db::reviews::list(&conn, &filter, query.page).await?;
    let reviews = show(&conn, rows, app.clock.now()).await?;
    Ok(Answer::ok(ReviewList {
        reviews,
        meta: Meta::of(query.page, total),
    })
    .cached_for_strangers(viewer, CACHED_SECONDS))
}
