use crate::{App, CACHED_SECONDS};
use axum::extract::State;
use db::ticket_types::Filter;
use domain::api_key::Scope;
use domain::page::Page;
use domain::text::SearchText;
use domain::{CategoryId, Error, EventId, Rupiah};
use std::sync::Arc;
use views::FullTicketOut;
use web::input::{Fields, Input, PageParameters, page};
use web::{Access, Answer, Meta, Query, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets",
    Access::Public,
    "list_tickets",
    "List what is sold, newest first",
)
.scope(Scope::EventsRead)
.query::<ListQuery>()
.data::<TicketList>();

/// Which ticket types.
#[derive(Debug, schemars::JsonSchema)]
#[schemars(rename_all = "camelCase")]
pub(crate) struct ListQuery {
    /// In the name or the artist.
    search: Option<SearchText>,
    /// In the artist.
    artist: Option<SearchText>,
    /// Costing that or more, in rupiah.
    min_price: Option<Rupiah>,
    /// Costing that or less, in rupiah.
    max_price: Option<Rupiah>,
    /// Of that event.
    event_id: Option<EventId>,
    /// Of that category.
    category_id: Option<CategoryId>,
    #[schemars(with = "PageParameters", flatten)]
    page: Page,
}

impl Input for ListQuery {
    fn read(fields: &mut Fields) -> Option<Self> {
        let (search, artist) = (fields.take("search"), fields.take("artist"));
        let (min_price, max_price) = (fields.take("minPrice"), fields.take("maxPrice"));
        let (event_id, category_id) = (fields.take("eventId"), fields.take("categoryId"));
        let page = page(fields);
        Some(Self {
            search: search?,
            artist: artist?,
            min_price: min_price?,
            max_price: max_price?,
            event_id: event_id?,
            category_id: category_id?,
            page: page?,
        })
    }
}

web::list! {
    /// A page of ticket types.
    TicketList { tickets: FullTicketOut }
}

pub(crate) async fn list_tickets(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Query(query): Query<ListQuery>,
) -> web::Result<Answer<TicketList>> {
    let conn = app.db.conn().await?;
    if let Some(event) = query.event_id {
        let event = db::events::find(&conn, event, viewer.id(), viewer.sees_all()).await?;
        event.ok_or_else(|| Error::not_found("Event"))?;
    }
    if let Some(category) = query.category_id {
        let category = db::categories::find(&conn, category).await?;
        category.ok_or_else(|| Error::not_found("Category"))?;
    }
    let text = |text: &SearchText| text.as_str().to_owned();
    let filter = Filter {
        search: query.search.as_ref().map(text),
        artist: query.artist.as_ref().map(text),
        min_price: query.min_price.map(Rupiah::get),
        max_price: query.max_price.map(Rupiah::get),
        event: query.event_id,
        category: query.category_id,
        viewer: viewer.id(),
        sees_all: viewer.sees_all(),
    };
    let (rows, total) = db::ticket_types::list(&conn, &filter, query.page).await?;
    let now = app.clock.now();
    Ok(Answer::ok(TicketList {
        tickets: rows
            .into_iter()
            .map(|full| FullTicketOut::new(full, now))
            .collect(),
        meta: Meta::of(query.page, total),
    })
    .cached_for_strangers(viewer, CACHED_SECONDS))
}
