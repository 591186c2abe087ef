use crate::out::{ReviewOut, show};
use crate::{App, CACHED_SECONDS};
use axum::extract::State;
use db::reviews::Filter;
use domain::{Error, TicketTypeId};
use std::sync::Arc;
use web::input::PageQuery;
use web::{Access, Answer, Meta, Path, Query, Route, Viewer};

pub(crate) const ROUTE: Route = Route::new(
    "GET",
    "/api/v1/reviews/ticket/{ticketId}",
    Access::Public,
    "list_ticket_reviews",
    "List the reviews of a ticket type, newest first",
)
.query::<PageQuery>()
.data::<TicketReviewList>();

web::list! {
    /// A page of reviews.
    TicketReviewList { reviews: ReviewOut }
}

pub(crate) async fn list_ticket_reviews(
    State(app): State<Arc<App>>,
    viewer: Viewer,
    Path(ticket): Path<TicketTypeId>,
    Query(query): Query<PageQuery>,
) -> web::Result<Answer<TicketReviewList>> {
    let conn = app.db.conn().await?;
    db::ticket_types::find(&conn, ticket, viewer.id(), viewer.sees_all())
        .await?
        .ok_or_else(|| Error::not_found("Ticket"))?;
    let filter = Filter {
        ticket_type: Some(ticket),
        viewer: viewer.id(),
        sees_all: viewer.sees_all(),
        ..Filter::default()
    };
    let (rows, total) = db::reviews::list(&conn, &filter, query.page).await?;
    let reviews = show(&conn, rows, app.clock.now()).await?;
    Ok(Answer::ok(TicketReviewList {
        reviews,
        meta: Meta::of(query.page, total),
    })
    .cached_for_strangers(viewer, CACHED_SECONDS))
}
