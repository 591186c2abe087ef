//! What comes next, for programs that follow along: a calendar to subscribe to, and a JSON Feed (jsonfeed.org, version 1.1).
//! Both are for everybody and show published events that have not begun, the next one first.

use crate::App;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use db::events::Event;
use domain::calendar::{self, Entry};
use domain::event::EventStatus;
use domain::{Error, EventId, Timestamp};
use http::{HeaderValue, header};
use serde::Serialize;
use std::sync::Arc;
use web::{Access, Query, Route};

pub(crate) const CALENDAR_ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events/feed.ics",
    Access::Public,
    "get_events_calendar",
    "Subscribe to what comes next as a calendar",
)
.media_type("text/calendar");

// By itself, because to refer to a field of a route keeps the whole route, with its schemas, in the binary.
const JSON_PATH: &str = "/api/v1/events/feed.json";

pub(crate) const JSON_ROUTE: Route = Route::new(
    "GET",
    JSON_PATH,
    Access::Public,
    "get_events_feed",
    "Follow what comes next as a JSON Feed",
)
.query::<FeedQuery>()
.media_type("application/feed+json");

/// Events in a calendar: programs that read calendars do not turn pages.
const IN_CALENDAR: u32 = 500;

/// Events on a page of the JSON Feed.
const ON_PAGE: u32 = 100;

/// Seconds that a feed may be kept.
const FEED_SECONDS: u32 = 300;

const TITLE: &str = "GiggleFest";

web::input! {
    /// Which page.
    pub(crate) struct FeedQuery {
        /// Beginning of the last event of the page before, as `next_url` gives it.
        after: Option<Timestamp>,
        /// Its id.
        id: Option<EventId>,
    }
}

pub(crate) async fn get_events_calendar(State(app): State<Arc<App>>) -> web::Result<Response> {
    let conn = app.db.conn().await?;
    let events = db::events::upcoming(&conn, app.clock.now(), None, IN_CALENDAR).await?;
    answer("text/calendar; charset=utf-8", calendar_of(&app, &events))
}

/// Events as one calendar.
pub(crate) fn calendar_of(app: &App, events: &[Event]) -> String {
    let texts: Vec<(String, String)> = events
        .iter()
        .map(|event| (format!("event-{}@gigglefest", event.id), address(app, event)))
        .collect();
    let entries: Vec<Entry<'_>> = events
        .iter()
        .zip(&texts)
        .map(|(event, (uid, url))| Entry {
            uid,
            changed: event.updated_at,
            begins: event.date,
            ends: event.ends_at,
            title: &event.name,
            description: event.description.as_deref().unwrap_or(""),
            location: &event.location,
            url,
            cancelled: event.status == EventStatus::Cancelled,
        })
        .collect();
    calendar::feed(TITLE, &entries)
}

/// A JSON Feed. Its keys are those of the format.
#[derive(Debug, Serialize)]
struct Feed {
    version: &'static str,
    title: &'static str,
    home_page_url: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_url: Option<String>,
    items: Vec<Item>,
}

/// An event in it.
#[derive(Debug, Serialize)]
struct Item {
    id: String,
    url: String,
    title: String,
    content_text: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    date_published: Timestamp,
    date_modified: Timestamp,
    _event: When,
}

/// When and where, in a part of our own, as the format allows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct When {
    id: EventId,
    starts_at: Timestamp,
    ends_at: Option<Timestamp>,
    time_zone: String,
    location: String,
    city: Option<String>,
}

pub(crate) async fn get_events_feed(
    State(app): State<Arc<App>>,
    Query(query): Query<FeedQuery>,
) -> web::Result<Response> {
    let conn = app.db.conn().await?;
    let after = query.after.zip(query.id);
    let events = db::events::upcoming(&conn, app.clock.now(), after, ON_PAGE).await?;
    let next_url = events
        .last()
        .filter(|_| events.len() >= ON_PAGE as usize)
        .map(|last| format!("{JSON_PATH}?after={}&id={}", last.date, last.id));
    let items = events.into_iter().map(|event| Item {
        id: format!("event-{}", event.id),
        url: address(&app, &event),
        title: event.name,
        content_text: event.description.unwrap_or_default(),
        image: event.image_url,
        date_published: event.created_at,
        date_modified: event.updated_at,
        _event: When {
            id: event.id,
            starts_at: event.date,
            ends_at: event.ends_at,
            time_zone: event.time_zone,
            location: event.location,
            city: event.city,
        },
    });
    let feed = Feed {
        version: "https://jsonfeed.org/version/1.1",
        title: TITLE,
        home_page_url: format!("{}/events", app.frontend_url),
        next_url,
        items: items.collect(),
    };
    let body = serde_json::to_string(&feed).map_err(Error::internal)?;
    answer("application/feed+json", body)
}

/// Where people read about an event.
fn address(app: &App, event: &Event) -> String {
    format!("{}/events/{}", app.frontend_url, event.id)
}

fn answer(media_type: &'static str, body: String) -> web::Result<Response> {
    let kept = format!("public, max-age={FEED_SECONDS}");
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(media_type)),
        (
            header::CACHE_CONTROL,
            HeaderValue::from_str(&kept).map_err(Error::internal)?,
        ),
    ];
    Ok((headers, body).into_response())
}
