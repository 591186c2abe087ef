use crate::App;
use crate::out::{ReviewOut, show};
use axum::extract::State;
use schemars::JsonSchema;
use serde::Serialize;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Meta, Publisher, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/reviews/moderation",
    Access::Publisher,
    "list_moderation",
    "List what waits for a moderator, oldest first: an organizer's own events, or all for admins",
)
.query::<PageQuery>()
.data::<ModerationList>();

/// A review that waits for a moderator.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) struct QueuedOut {
    /// The review.
    #[serde(flatten)]
    review: ReviewOut,
    /// How many found since a moderator last looked that it should not be shown.
    open_reports: u32,
}

web::list! {
    /// A page of the queue.
    ModerationList { reviews: QueuedOut }
}

pub(crate) async fn list_moderation(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<ModerationList>> {
    let conn = app.db.conn().await?;
    let (rows, total) = db::reviews::queue(&conn, caller.id, caller.is_admin(), query.page).await?;
    let mut reviews = Vec::with_capacity(rows.len());
    let reports: Vec<_> = rows.iter().map(|row| (row.id, row.open_reports)).collect();
    for review in show(&conn, rows, app.clock.now()).await? {
        let open_reports = reports.iter().find(|(id, _)| *id == review.id());
        reviews.push(QueuedOut {
            open_reports: open_reports.map_or(0, |(_, count)| *count),
            review,
        });
    }
    Ok(Answer::ok(ModerationList {
        reviews,
        meta: Meta::of(query.page, total),
    }))
}
