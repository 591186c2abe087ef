use crate::reserve::{self, More, Seats};
use crate::{App, CartItemOut, limits, places};
use axum::extract::State;
use domain::seating::{SeatNumber, SeatNumbers};
use domain::ticket::Quantity;
use domain::{CartItemId, Error};
use std::sync::Arc;
use web::{Access, Answer, Caller, ClientIp, Json, Path, Route};

pub(crate) const ROUTE: Route = Route::new(
    "PATCH",
    "/api/v1/cart/{id}",
    Access::User,
    "change_item",
    "Set the quantity or the seats of a row of the cart",
)
.body::<ChangeItemIn>()
.data::<CartItemOut>()
.conflicts(&[
    "sold_out",
    "held_by_others",
    "seat_taken",
    "seat_accessible",
    "single_seat",
    "limit_reached",
    "below_minimum",
    "sales_closed",
    "account_required",
]);

web::input! {
    /// The new quantity, or the new seats.
    pub(crate) struct ChangeItemIn {
        /// How many in all. Of seats, the last ones are given back, or the best that are left are added.
        quantity: Option<Quantity>,
        /// Which seats in all, for a ticket with seats.
        seat_ids: Option<SeatNumbers>,
        /// Whether seats that are kept for people who need them are asked for.
        accessible: Option<bool>,
    }
}

impl ChangeItemIn {
    /// How many in all.
    fn quantity(&self) -> domain::Result<u32> {
        match (&self.quantity, &self.seat_ids) {
            (Some(_), Some(_)) => Err(Error::invalid_field(
                "quantity",
                "\"quantity\" and \"seatIds\" must not both be set",
            )),
            (Some(quantity), None) => Ok(quantity.get()),
            (None, Some(seats)) => Ok(seats.count()),
            (None, None) => Err(Error::invalid_field("quantity", "\"quantity\" is required")),
        }
    }

    /// What the row shall be that has these seats.
    fn seats<'a>(&self, has: &[SeatNumber], added: &'a mut Vec<SeatNumber>, quantity: u32) -> Seats<'a> {
        let (keep, more) = match &self.seat_ids {
            Some(seats) => {
                let (keep, more) = seats
                    .as_slice()
                    .iter()
                    .copied()
                    .partition(|seat| has.contains(seat));
                *added = more;
                (keep, More::Chosen(added))
            }
            None => {
                let keep: Vec<_> = has
                    .iter()
                    .copied()
                    .take(usize::try_from(quantity).unwrap_or(usize::MAX))
                    .collect();
                let kept = u32::try_from(keep.len()).unwrap_or(u32::MAX);
                (keep, More::Best(quantity.saturating_sub(kept)))
            }
        };
        Seats {
            keep,
            more,
            accessible: self.accessible.unwrap_or(false),
        }
    }
}

pub(crate) async fn change_item(
    State(app): State<Arc<App>>,
    caller: Caller,
    ip: ClientIp,
    Path(id): Path<CartItemId>,
    Json(input): Json<ChangeItemIn>,
) -> web::Result<Answer<CartItemOut>> {
    let now = app.clock.now();
    let quota = limits::write(&app, &ip, caller, now).await?;
    let missing = || Error::not_found("Cart item");
    let quantity = input.quantity()?;
    let mut conn = app.db.conn().await?;
    let tx = conn.begin().await?;
    let buyer = db::users::lock_buyer(&tx, caller.id)
        .await?
        .ok_or_else(|| Error::unauthenticated("Invalid token"))?;
    let item = db::cart::lock(&tx, id, caller.id).await?.ok_or_else(missing)?;
    let sale = reserve::for_sale(&tx, item.ticket_type_id).await?;
    sale.rules.check_guest(buyer.is_guest)?;
    let bought = reserve::bought(&tx, caller.id, sale.id).await?;
    sale.rules.check(quantity, bought, now)?;
    if sale.seated {
        let (has, mut added) = (item.seats.as_deref().unwrap_or_default(), Vec::new());
        let wanted = input.seats(has, &mut added, quantity);
        reserve::set_seats(&app, &tx, &item, &sale, wanted, now).await?;
    } else if input.seat_ids.is_some() {
        return Err(Error::invalid_field("seatIds", "This ticket has no seats to choose").into());
    } else {
        reserve::set_quantity(&app, &tx, &item, &sale, quantity, now).await?;
    }
    tx.commit().await.map_err(db::DbError::from)?;
    let (item, ticket) = db::cart::find(&conn, id, caller.id).await?.ok_or_else(missing)?;
    let seats = places(&conn, &[&item]).await?;
    Ok(Answer::ok(CartItemOut::of(&item, ticket, &seats, now))
        .message("Cart updated successfully")
        .quota(quota))
}
