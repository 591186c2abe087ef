use crate::{App, CACHED_SECONDS};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::api_key::Scope;
use domain::calendar::{self, Entry};
use domain::event::EventStatus;
use domain::{Error, EventId};
use http::{HeaderValue, header};
use std::sync::Arc;
use web::{Access, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/calendar.ics",
    Access::Public,
    "get_event_calendar",
    "Read an event as a calendar file",
)
.scope(Scope::EventsRead)
.media_type("text/calendar");

pub(crate) async fn get_event_calendar(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<EventId>,
) -> web::Result<Response> {
    let conn = app.db.conn().await?;
    let event = db::events::find(&conn, id, viewer.id(), viewer.sees_all())
        .await?
        .ok_or_else(|| Error::not_found("Event"))?;
    let file = calendar::file(&Entry {
        uid: &format!("event-{id}@gigglefest"),
        changed: event.updated_at,
        begins: event.date,
        ends: event.ends_at,
        title: &event.name,
        description: event.description.as_deref().unwrap_or(""),
        location: &event.location,
        url: &format!("{}/events/{id}", app.frontend_url),
        cancelled: event.status == EventStatus::Cancelled,
    });
    let kept = if viewer.id().is_none() {
        format!("public, max-age={CACHED_SECONDS}")
    } else {
        "no-store".to_owned()
    };
    let headers = [
        (
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/calendar; charset=utf-8"),
        ),
        (
            header::CONTENT_DISPOSITION,
            HeaderValue::from_static("attachment; filename=\"event.ics\""),
        ),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_str(&kept).map_err(Error::internal)?,
        ),
    ];
    Ok((headers, file).into_response())
}
