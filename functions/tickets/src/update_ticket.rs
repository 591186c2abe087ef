use crate::App;
use crate::terms::{Limit, Terms};
use axum::extract::State;
use db::ticket_types::TicketTypePatch;
use domain::ticket::{Artist, Capacity, TicketName};
use domain::{Error, Rupiah, TicketTypeId, Timestamp};
use std::sync::Arc;
use views::FullTicketOut;
use web::{Access, Answer, Json, Path, Publisher, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/tickets/{id}",
    Access::Publisher,
    "update_ticket",
    "Change a ticket type; what is sold stays sold",
)
.body::<TicketChanges>()
.data::<FullTicketOut>();

web::input! {
    /// Changes to a ticket type; absent fields stay. Event and category cannot be changed.
    pub(crate) struct TicketChanges {
        /// What it is called.
        name: Option<TicketName>,
        /// Price of one in rupiah for later orders; 0 for free.
        price: Option<Rupiah>,
        /// How many shall be left to sell; what is sold or reserved comes on top. 0 stops the sale.
        quantity: Option<Capacity>,
        /// Who performs.
        artist: Option<Artist>,
        /// When sale starts.
        sales_start: Option<Timestamp>,
        /// When sale ends.
        sales_end: Option<Timestamp>,
        /// Fewest in one order.
        min_per_order: Option<Limit>,
        /// Most in one order.
        max_per_order: Option<Limit>,
        /// Most per buyer.
        max_per_user: Option<Limit>,
    }
}

pub(crate) async fn update_ticket(
    State(app): State<Arc<App>>,
    Publisher(caller): Publisher,
    Path(id): Path<TicketTypeId>,
    Json(input): Json<TicketChanges>,
) -> web::Result<Answer<FullTicketOut>> {
    let missing = || Error::not_found("Ticket");
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let ticket = db::ticket_types::lock_own(&tx, id, caller.id, caller.is_admin()).await?;
    let terms = Terms::of(&ticket.ok_or_else(missing)?).with(
        (input.sales_start, input.sales_end),
        (input.min_per_order, input.max_per_order),
        input.max_per_user,
    );
    terms.check()?;
    let patch = TicketTypePatch {
        name: input.name,
        price: input.price,
        left: input.quantity,
        artist: input.artist,
        sales_start: input.sales_start,
        sales_end: input.sales_end,
        min_per_order: input.min_per_order.map(Limit::get),
        max_per_order: input.max_per_order.map(Limit::get),
        max_per_user: input.max_per_user.map(Limit::get),
    };
    if !db::ticket_types::update(&tx, id, &patch, app.clock.now()).await? {
        let most = Capacity::MAX;
        let message = format!("\"quantity\" and what is sold or reserved must be at most {most} together");
        return Err(Error::invalid_field("quantity", message).into());
    }
    let ticket = db::ticket_types::find(tx.client(), id, Some(caller.id), caller.is_admin()).await?;
    let ticket = ticket.ok_or_else(missing)?;
    tx.commit().await.map_err(db::DbError::from)?;
    Ok(Answer::ok(ticket.into()).message("Ticket updated successfully"))
}
