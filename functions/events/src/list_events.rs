use crate::{App, CACHED_SECONDS, EventWithTickets};
use axum::extract::State;
use db::events::{Begin, Event, Filter, Order};
use domain::api_key::Scope;
use domain::page::Page;
use domain::text::SearchText;
use domain::{CategoryId, EventId, Rupiah, Timestamp};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;
use views::TicketOut;
use web::input::{Fields, Flag, Input, PageParameters, page};
use web::{Access, Answer, Query, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/events",
    Access::Public,
    "list_events",
    "Find events, with their tickets; organizers also see their drafts. A search that finds nothing is taken for mistyped",
)
.scope(Scope::EventsRead)
.query::<ListQuery>()
.data::<EventList>();

/// Which events.
#[derive(Debug, JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct ListQuery {
    /// Words or parts of words in the name, the description, the location or the city, in Indonesian or English.
    search: Option<SearchText>,
    /// In that city, whatever the case.
    city: Option<SearchText>,
    /// Selling tickets of this category.
    category: Option<CategoryId>,
    /// Selling tickets that cost that or more, in rupiah.
    min_price: Option<Rupiah>,
    /// Selling tickets that cost that or less, in rupiah.
    max_price: Option<Rupiah>,
    /// `true`: only with tickets left.
    available: Option<Flag>,
    /// Beginning then or later.
    start_date: Option<Timestamp>,
    /// Beginning then or earlier.
    end_date: Option<Timestamp>,
    /// `newest` (made last) first, or `soonest` (beginning first) first; newest unless said otherwise.
    sort: Option<Sort>,
    /// Instead of a page: `meta.nextCursor` of the page before, to go on where it ended.
    cursor: Option<Cursor>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

/// In which order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum Sort {
    Newest,
    Soonest,
}

/// The last event of a page: its time by the order of the list, and its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, JsonSchema)]
#[schemars(with = "String")]
struct Cursor(Timestamp, EventId);

impl<'de> Deserialize<'de> for Cursor {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = String::deserialize(input)?;
        let parts = text
            .split_once('_')
            .and_then(|(at, id)| Some((Timestamp::parse(at)?, id.parse().ok()?)));
        let (at, id) = parts.ok_or_else(|| serde::de::Error::custom("must be the nextCursor of a page"))?;
        Ok(Self(at, id))
    }
}

impl Input for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (search, city, category) = (
            fields.take("search"),
            fields.take("city"),
            fields.take("category"),
        );
        let (min_price, max_price) = (fields.take("minPrice"), fields.take("maxPrice"));
        let (available, sort, cursor) = (
            fields.take("available"),
            fields.take("sort"),
            fields.take("cursor"),
        );
        let (start_date, end_date) = (fields.take("startDate"), fields.take("endDate"));
        let page = page(fields);
        Some(Self {
            search: search?,
            city: city?,
            category: category?,
            min_price: min_price?,
            max_price: max_price?,
            available: available?,
            start_date: start_date?,
            end_date: end_date?,
            sort: sort?,
            cursor: cursor?,
            page: page?,
        })
    }
}

/// A page of events.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EventList {
    /// The events of this page.
    events: Vec<EventWithTickets>,
    /// Totals.
    meta: ListMeta,
}

/// Totals of a list that may be long.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
struct ListMeta {
    /// This page, from 1; with a cursor it says nothing.
    page: u32,
    /// Events on a page.
    limit: u32,
    /// Events in all, counted up to 50 beyond this page: 51 beyond it mean more than that. With a cursor, from the cursor on.
    total: i64,
    /// Pages of that total.
    total_pages: i64,
    /// Where the next page begins; null on the last one.
    next_cursor: Option<String>,
}

pub(crate) async fn list_events(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Query(query): Query<ListQuery>,
) -> web::Result<Answer<EventList>> {
    let order = if query.sort == Some(Sort::Soonest) {
        Order::Soonest
    } else {
        Order::Newest
    };
    let begin = query
        .cursor
        .map_or(Begin::Offset(query.page.offset()), |Cursor(at, id)| {
            Begin::After(at, id)
        });
    let conn = app.db.conn().await?;
    let (rows, total) =
        db::events::list(&conn, &query.filter(viewer), order, begin, query.page.limit).await?;
    let next_cursor = rows
        .last()
        .filter(|_| rows.len() == query.page.limit as usize)
        .map(|last| cursor(last, order));
    let ids: Vec<EventId> = rows.iter().map(|event| event.id).collect();
    let mut tickets: HashMap<EventId, Vec<TicketOut>> = HashMap::with_capacity(ids.len());
    for ticket in db::ticket_types::of_events(&conn, &ids).await? {
        tickets.entry(ticket.event_id).or_default().push(ticket.into());
    }
    let now = app.clock.now();
    let events = rows.into_iter().map(|event| {
        let tickets = tickets.remove(&event.id).unwrap_or_default();
        EventWithTickets::new(event, tickets, now)
    });
    let (page, limit, total_pages) = (query.page.number, query.page.limit, query.page.pages_of(total));
    let meta = ListMeta {
        page,
        limit,
        total,
        total_pages,
        next_cursor,
    };
    Ok(Answer::ok(EventList {
        events: events.collect(),
        meta,
    })
    .cached_for_strangers(viewer, CACHED_SECONDS))
}

impl ListQuery {
    fn filter(&self, viewer: Viewer) -> Filter {
        let text = |text: &Option<SearchText>| text.as_ref().map(|text| text.as_str().to_owned());
        Filter {
            search: text(&self.search),
            city: text(&self.city),
            category: self.category,
            min_price: self.min_price,
            max_price: self.max_price,
            available: self.available == Some(Flag::True),
            from: self.start_date,
            to: self.end_date,
            viewer: viewer.id(),
            sees_all: viewer.sees_all(),
        }
    }
}

fn cursor(last: &Event, order: Order) -> String {
    let at = match order {
        Order::Newest => last.created_at,
        Order::Soonest => last.date,
    };
    format!("{at}_{}", last.id)
}
