use crate::out::{AnalyticsOut, AnalyticsQuery};
use crate::{App, CACHED_SECONDS};
use axum::extract::State;
use domain::review::summarize;
use domain::{Error, EventId};
use std::sync::Arc;
use web::{Access, Answer, Path, Query, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/reviews/event/{eventId}/analytics",
    Access::Public,
    "get_event_analytics",
    "Read what the reviews of an event come to: count, mean, histogram and trend",
)
.query::<AnalyticsQuery>()
.data::<AnalyticsOut>();

pub(crate) async fn get_event_analytics(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<EventId>,
    Query(query): Query<AnalyticsQuery>,
) -> web::Result<Answer<AnalyticsOut>> {
    let conn = app.db.conn().await?;
    db::events::find(&conn, id, viewer.id(), viewer.sees_all())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let span = query.by.unwrap_or_default();
    let counted = db::reviews::counts_of_event(&conn, id, span.as_str()).await?;
    let data = AnalyticsOut::from(summarize(&counted));
    Ok(Answer::ok(data).cached_for_strangers(viewer, CACHED_SECONDS))
}
