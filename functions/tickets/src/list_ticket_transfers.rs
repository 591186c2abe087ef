use crate::App;
use crate::transfer_out::TransferOut;
use axum::extract::State;
use db::handovers::{self, Direction};
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Caller, Meta, Query, Route};

pub(crate) const SENT_ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/transfers/sent",
    Access::User,
    "list_sent_transfers",
    "List the tickets that the caller offers or offered to others, newest first",
)
.query::<PageQuery>()
.data::<TicketTransferList>();

pub(crate) const RECEIVED_ROUTE: Route = Route::new(
    "GET",
    "/api/v1/tickets/transfers/received",
    Access::User,
    "list_received_transfers",
    "List the tickets that others offer or offered to the caller, newest first",
)
.query::<PageQuery>()
.data::<TicketTransferList>();

web::list! {
    /// A page of tickets on their way to somebody else.
    TicketTransferList { transfers: TransferOut }
}

pub(crate) async fn list_sent_transfers(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<TicketTransferList>> {
    let (conn, now) = (app.db.conn().await?, app.clock.now());
    let (rows, total) = handovers::list(&conn, caller.id, Direction::Sent, query.page).await?;
    Ok(Answer::ok(TicketTransferList {
        transfers: rows.into_iter().map(|row| TransferOut::sent(row, now)).collect(),
        meta: Meta::of(query.page, total),
    }))
}

pub(crate) async fn list_received_transfers(
    State(app): State<Arc<App>>,
    caller: Caller,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<TicketTransferList>> {
    let (conn, now) = (app.db.conn().await?, app.clock.now());
    let (rows, total) = handovers::list(&conn, caller.id, Direction::Received, query.page).await?;
    Ok(Answer::ok(TicketTransferList {
        transfers: rows
            .into_iter()
            .map(|row| TransferOut::received(row, now))
            .collect(),
        meta: Meta::of(query.page, total),
    }))
}
