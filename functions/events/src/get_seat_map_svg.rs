use crate::{App, SEATS_CACHED_SECONDS};
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use domain::api_key::Scope;
use domain::language::Language;
use domain::{Error, EventId, seat_plan};
use http::{HeaderValue, header};
use std::sync::Arc;
use web::{Access, Path, Query, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/{id}/seat-map.svg",
    Access::Public,
    "get_seat_map_svg",
    "Look at the seat map of an event with the states of its seats",
)
.scope(Scope::EventsRead)
.query::<SvgQuery>()
.media_type("image/svg+xml");

web::input! {
    /// How the map is written.
    pub(crate) struct SvgQuery {
        /// `id` or `en`; Indonesian if absent.
        lang: Option<Language>,
    }
}

pub(crate) async fn get_seat_map_svg(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(id): Path<EventId>,
    Query(query): Query<SvgQuery>,
) -> web::Result<Response> {
    let now = app.clock.now();
    let conn = app.db.conn().await?;
    let (event, plan) = tokio::join!(
        biased;
        db::events::find(&conn, id, viewer.id(), viewer.sees_all()),
        db::seat_maps::show(&conn, id, viewer.id(), viewer.sees_all(), now)
    );
    let event = event?.ok_or_else(|| Error::not_found("Event"))?;
    let plan = plan?.ok_or_else(|| Error::not_found("Seat map"))?;
    let svg = seat_plan::svg(&plan, &event.name, query.lang.unwrap_or_default());
    let kept = if viewer.id().is_none() {
        format!("public, max-age={SEATS_CACHED_SECONDS}")
    } else {
        "no-store".to_owned()
    };
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("image/svg+xml")),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_str(&kept).map_err(Error::internal)?,
        ),
        // A browser that shows the picture by itself takes its colours from the style within it, and nothing else.
        (
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static("default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
        ),
    ];
    Ok((headers, svg).into_response())
}
