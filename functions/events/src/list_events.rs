use crate::{App, CACHED_SECONDS, EventWithTickets};
use axum::extract::State;
use db::events::Filter;
use domain::page::Page;
use domain::text::SearchText;
use domain::{CategoryId, EventId, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;
use views::TicketOut;
use web::input::{Fields, Input, PageParameters, page};
use web::{Access, Answer, Meta, Query, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events",
    Access::Public,
    "list_events",
    "List events with their tickets, newest first; organizers also see their drafts",
)
.query::<ListQuery>()
.data::<EventList>();

/// Which events.
#[derive(Debug, schemars::JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct ListQuery {
    /// In the name or the location.
    search: Option<SearchText>,
    /// Selling tickets of this category.
    category: Option<CategoryId>,
    /// Beginning then or later.
    start_date: Option<Timestamp>,
    /// Beginning then or earlier.
    end_date: Option<Timestamp>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

impl Input for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (search, category) = (fields.take("search"), fields.take("category"));
        let (start_date, end_date) = (fields.take("startDate"), fields.take("endDate"));
        let page = page(fields);
        Some(Self {
            search: search?,
            category: category?,
            start_date: start_date?,
            end_date: end_date?,
            page: page?,
        })
    }
}

web::list! {
    /// A page of events.
    EventList { events: EventWithTickets }
}

pub(crate) async fn list_events(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Query(query): Query<ListQuery>,
) -> web::Result<Answer<EventList>> {
    let filter = Filter {
        search: query.search.as_ref().map(|text| text.as_str().to_owned()),
        category: query.category,
        from: query.start_date,
        to: query.end_date,
        viewer: viewer.id(),
        sees_all: viewer.sees_all(),
    };
    let conn = app.db.conn().await?;
    let (rows, total) = db::events::list(&conn, &filter, query.page).await?;
    let ids: Vec<EventId> = rows.iter().map(|event| event.id).collect();
    let mut tickets: HashMap<EventId, Vec<TicketOut>> = HashMap::with_capacity(ids.len());
    for ticket in db::ticket_types::of_events(&conn, &ids).await? {
        tickets.entry(ticket.event_id).or_default().push(ticket.into());
    }
    let events = rows.into_iter().map(|event| {
        let tickets = tickets.remove(&event.id).unwrap_or_default();
        EventWithTickets::new(event.into(), tickets)
    });
    Ok(Answer::ok(EventList {
        events: events.collect(),
        meta: Meta::of(query.page, total),
    })
    .cached_for_strangers(viewer, CACHED_SECONDS))
}
