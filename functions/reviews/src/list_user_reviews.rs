use crate::out::{ReviewOut, show};
use crate::{App, CACHED_SECONDS};
use axum::extract::State;
use db::reviews::Filter;
use domain::UserId;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Meta, Path, Query, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/reviews/user/{userId}",
    Access::Public,
    "list_user_reviews",
    "List what one account wrote, newest first; its owner sees what is not shown, too",
)
.query::<PageQuery>()
.data::<UserReviewList>();

web::list! {
    /// A page of reviews.
    UserReviewList { reviews: ReviewOut }
}

pub(crate) async fn list_user_reviews(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(author): Path<UserId>,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<UserReviewList>> {
    let conn = app.db.conn().await?;
    let filter = Filter {
        author: Some(author),
        viewer: viewer.id(),
        sees_all: viewer.sees_all(),
        ..Filter::default()
    };
    let (rows, total) = db::reviews::list(&conn, &filter, query.page).await?;
    let reviews = show(&conn, rows, app.clock.now()).await?;
    Ok(Answer::ok(UserReviewList {
        reviews: reviews.into_iter().map(ReviewOut::without_author).collect(),
        meta: Meta::of(query.page, total),
    })
    .cached_for_strangers(viewer, CACHED_SECONDS))
}
