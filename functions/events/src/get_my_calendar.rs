use crate::{App, feed};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::Error;
use domain::text::SearchText;
use http::{HeaderValue, header};
use std::sync::Arc;
use web::{Access, Caller, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/mine/calendar.ics",
    Access::User,
    "get_my_calendar",
    "Read the events that the caller has tickets for as a calendar",
)
.query::<MineQuery>()
.media_type("text/calendar");

/// Events in a calendar.
const MOST: u32 = 500;

web::input! {
    /// Of which order.
    pub(crate) struct MineQuery {
        /// Code of an order of the caller; all unless said otherwise.
        order: Option<SearchText>,
    }
}

pub(crate) async fn get_my_calendar(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<MineQuery>,
) -> web::Result<Response> {
    let order = query.order.as_ref().map(SearchText::as_str);
    let conn = app.db.conn().await?;
    let events = db::events::of_holder(&conn, caller.id, order, MOST).await?;
    if order.is_some() && events.is_empty() {
        return Err(Error::not_found("Order").into());
    }
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/calendar; charset=utf-8"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"events.ics\""),
        ),
    ];
    Ok((headers, feed::calendar_of(&app, &events)).into_response())
}
