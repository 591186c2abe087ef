use crate::App;
use crate::issued::IssuedTicketOut;
use axum::extract::State;
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Caller, Meta, Query, Route};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/mine",
    Access::User,
    "list_my_tickets",
    "List the tickets of the caller, newest first",
)
.query::<PageQuery>()
.data::<MyTicketList>();

web::list! {
    /// A page of issued tickets.
    MyTicketList { tickets: IssuedTicketOut }
}

pub(crate) async fn list_my_tickets(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<MyTicketList>> {
    let conn = app.db.conn().await?;
    let (rows, total) = db::issued::list(&conn, caller.id, query.page).await?;
    let tickets = rows.into_iter().map(|ticket| IssuedTicketOut::new(ticket, &app));
    Ok(Answer::ok(MyTicketList {
        tickets: tickets.collect::<Result<_, _>>()?,
        meta: Meta::of(query.page, total),
    }))
}
