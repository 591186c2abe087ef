use crate::{App, CACHED_SECONDS, MOST_UNPAGED};
use axum::extract::State;
use db::ticket_types::Filter;
use domain::api_key::Scope;
use domain::{CategoryId, Error};
use std::sync::Arc;
use views::FullTicketOut;
use web::{Access, Answer, Path, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/category/{categoryId}",
    Access::Public,
    "list_category_tickets",
    "List the newest 1000 ticket types of a category; the paged list has the rest",
)
.scope(Scope::EventsRead)
.data::<Vec<FullTicketOut>>();

pub(crate) async fn list_category_tickets(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(category): Path<CategoryId>,
) -> web::Result<Answer<Vec<FullTicketOut>>> {
    let conn = app.db.conn().await?;
    db::categories::find(&conn, category)
        .await?
        .ok_or_else(|| Error::not_found("Category"))?;
    let filter = Filter {
        category: Some(category),
        viewer: viewer.id(),
        sees_all: viewer.sees_all(),
        ..Filter::default()
    };
    let rows = db::ticket_types::newest(&conn, &filter, MOST_UNPAGED).await?;
    let now = app.clock.now();
    let tickets = rows.into_iter().map(|full| FullTicketOut::new(full, now));
    Ok(Answer::ok(tickets.collect()).cached_for_strangers(viewer, CACHED_SECONDS))
}
