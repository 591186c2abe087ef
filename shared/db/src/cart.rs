//! Rows of carts. A row outlives its reservation: when the time is over the stock goes back, the wish stays.

use crate::error::Result;
use crate::orders;
use crate::seats::{self, Claim, Pick};
use crate::sql::{RowExt as _, params};
use crate::stock::{self, Owner, Want};
use crate::ticket_types::{ForSale, FullTicketType, full_columns, int, read_full, ticket_type_columns};
use domain::cart::StockError;
use domain::seating::SeatNumber;
use domain::{CartItemId, OrderItemId, TicketTypeId, Timestamp, UserId};
use tokio_postgres::{Client, Row, Transaction};

/// A row of a cart.
#[derive(Debug, Clone)]
pub struct CartItem {
    /// Its id.
    pub id: CartItemId,
    /// Whose cart.
    pub user_id: UserId,
    /// What is wanted.
    pub ticket_type_id: TicketTypeId,
    /// How many.
    pub quantity: u32,
    /// Which seats, if they are seats.
    pub seats: Option<Vec<SeatNumber>>,
    /// Until when the stock is kept; past if it was given back.
    pub reserved_until: Timestamp,
    /// Since when stock has been kept without a break.
    pub held_since: Timestamp,
    /// Until when it is kept if it was its owner's turn in the waiting list; it may be past.
    pub offered_until: Option<Timestamp>,
    /// When the row was made.
    pub created_at: Timestamp,
    /// When it was last changed.
    pub updated_at: Timestamp,
}

/// The columns of a row of a cart.
macro_rules! columns {
    () => {
        "id, user_id, ticket_type_id, quantity, seats, reserved_until, held_since, offered_until, created_at, updated_at"
    };
}

/// Selects rows of carts with what they want.
macro_rules! joined {
    () => {
        concat!(
            "select ",
            full_columns!(),
            ", i.id as i_id, i.user_id as i_user_id, i.quantity as i_quantity, i.seats as i_seats, i.reserved_until as i_reserved_until,
            i.held_since as i_held_since, i.offered_until as i_offered_until, i.created_at as i_created_at, i.updated_at as i_updated_at
            from cart_items i join ticket_types t on t.id = i.ticket_type_id join events e on e.id = t.event_id
            join categories c on c.id = t.category_id"
        )
    };
}

const LIST_SQL: &str = concat!(
    joined!(),
    " where i.user_id = $1 order by i.created_at desc, i.id desc"
);

/// The cart of a buyer, newest row first.
pub async fn list(db: &Client, user: UserId) -> Result<Vec<(CartItem, FullTicketType)>> {
    let rows = db.query_typed(LIST_SQL, params![INT8: user.get()]).await?;
    rows.iter().map(read_joined).collect()
}

const FIND_SQL: &str = concat!(joined!(), " where i.id = $1 and i.user_id = $2");

/// A row of this buyer's cart with what it wants.
pub async fn find(db: &Client, id: CartItemId, user: UserId) -> Result<Option<(CartItem, FullTicketType)>> {
    let row = db
        .query_typed_opt(FIND_SQL, params![INT8: id.get(), INT8: user.get()])
        .await?;
    row.as_ref().map(read_joined).transpose()
}

const LOCK_SQL: &str = concat!(
    "select ",
    columns!(),
    " from cart_items where id = $1 and user_id = $2 for update"
);

/// A row of this buyer's cart, locked.
pub async fn lock(tx: &Transaction<'_>, id: CartItemId, user: UserId) -> Result<Option<CartItem>> {
    let row = tx
        .query_typed_opt(LOCK_SQL, params![INT8: id.get(), INT8: user.get()])
        .await?;
    row.as_ref().map(read).transpose()
}

const LOCK_OF_TYPE_SQL: &str = concat!(
    "select ",
    columns!(),
    " from cart_items where user_id = $1 and ticket_type_id = $2 for update"
);

/// The row of this buyer's cart for a ticket type, locked.
pub async fn lock_of_type(
    tx: &Transaction<'_>,
    user: UserId,
    ticket_type: TicketTypeId,
) -> Result<Option<CartItem>> {
    let row = tx
        .query_typed_opt(
            LOCK_OF_TYPE_SQL,
            params![INT8: user.get(), INT8: ticket_type.get()],
        )
        .await?;
    row.as_ref().map(read).transpose()
}

const LOCK_ALL_SQL: &str = concat!(
    "select ",
    columns!(),
    " from cart_items where user_id = $1 order by ticket_type_id for update"
);

/// The whole cart of a buyer, locked, in the order in which stock is locked.
pub async fn lock_all(tx: &Transaction<'_>, user: UserId) -> Result<Vec<CartItem>> {
    let rows = tx.query_typed(LOCK_ALL_SQL, params![INT8: user.get()]).await?;
    rows.iter().map(read).collect()
}

const INSERT_SQL: &str = concat!(
    "insert into cart_items (user_id, ticket_type_id, quantity, reserved_until, held_since, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $5, $5)
    returning ",
    columns!()
);

/// Adds a row. The buyer is locked, so there cannot be another for the same ticket type.
pub async fn insert(
    tx: &Transaction<'_>,
    user: UserId,
    ticket_type: TicketTypeId,
    quantity: u32,
    reserved_until: Timestamp,
    now: Timestamp,
) -> Result<CartItem> {
    let params = params![
        INT8: user.get(), INT8: ticket_type.get(), INT4: int(quantity), TIMESTAMPTZ: reserved_until.inner(),
        TIMESTAMPTZ: now.inner(),
    ];
    read(&tx.query_typed_one(INSERT_SQL, params).await?)
}

const UPDATE_SQL: &str = "
    update cart_items
    set quantity = $2, reserved_until = $3, held_since = $4, updated_at = $5, seats = null,
        offered_until = case when held_since = $4 then offered_until end
    where id = $1";

/// Sets the quantity of a row and how long its stock is kept. Which seats they are is said by [`set_seats`] afterwards. An offer that
/// the row came from is over once its stock was not kept without a break.
pub async fn update(
    tx: &Transaction<'_>,
    id: CartItemId,
    quantity: u32,
    reserved_until: Timestamp,
    held_since: Timestamp,
    now: Timestamp,
) -> Result<()> {
    let params = params![
        INT8: id.get(), INT4: int(quantity), TIMESTAMPTZ: reserved_until.inner(), TIMESTAMPTZ: held_since.inner(),
        TIMESTAMPTZ: now.inner(),
    ];
    tx.execute_typed(UPDATE_SQL, params).await?;
    Ok(())
}

const SET_SEATS_SQL: &str = "update cart_items set seats = $2, quantity = cardinality($2) where id = $1";

/// Writes down which seats a row is about, and thereby how many.
pub async fn set_seats(tx: &Transaction<'_>, id: CartItemId, chosen: &[SeatNumber]) -> Result<()> {
    let params = params![INT8: id.get(), INT4_ARRAY: seats::write_numbers(Some(chosen))];
    tx.execute_typed(SET_SEATS_SQL, params).await?;
    Ok(())
}

const OFFER_SQL: &str = "
    insert into cart_items (user_id, ticket_type_id, quantity, reserved_until, held_since, offered_until, created_at, updated_at)
    values ($1, $2, $3, $4, $5, $4, $5, $5)
    on conflict (user_id, ticket_type_id) do update
        set quantity = excluded.quantity, reserved_until = excluded.reserved_until, held_since = excluded.held_since,
            offered_until = excluded.offered_until, seats = null, updated_at = excluded.updated_at
    returning id";

/// Makes a row, or what there is of one, one of these many tickets that are kept until a time because it is their owner's turn. The
/// buyer is locked, and so is the row if there is one. Which seats they are is said by [`set_seats`] afterwards.
pub async fn offer(
    tx: &Transaction<'_>,
    user: UserId,
    ticket_type: TicketTypeId,
    quantity: u32,
    until: Timestamp,
    now: Timestamp,
) -> Result<CartItemId> {
    let params = params![
        INT8: user.get(), INT8: ticket_type.get(), INT4: int(quantity), TIMESTAMPTZ: until.inner(), TIMESTAMPTZ: now.inner(),
    ];
    tx.query_typed_one(OFFER_SQL, params)
        .await?
        .id("id", CartItemId::new)
}

const DELETE_SQL: &str = "delete from cart_items where id = $1";

/// Deletes a row whose holds were given back or handed over.
pub async fn delete(tx: &Transaction<'_>, id: CartItemId) -> Result<()> {
    tx.execute_typed(DELETE_SQL, params![INT8: id.get()]).await?;
    Ok(())
}

/// Turns a row whose holds are locked into a line of an order: what it holds (`held` units) is handed over, what it does not
/// hold any more of `want` is taken, and the row goes.
///
/// The inner error says why there is not enough.
pub async fn hand_over(
    tx: &Transaction<'_>,
    item: CartItemId,
    held: u32,
    line: OrderItemId,
    want: Want,
    now: Timestamp,
) -> Result<Result<(), StockError>> {
    stock::move_to_order(tx, item, line, want.until).await?;
    delete(tx, item).await?;
    let missing = want.quantity.saturating_sub(held);
    if missing == 0 {
        return Ok(Ok(()));
    }
    let want = Want {
        quantity: missing,
        ..want
    };
    stock::take(tx, Owner::Order(line), want, now).await
}

/// The same for seats. Those that the row does not hold any more are taken again, and no others instead.
///
/// # Errors
/// Which seat somebody else has, or why there are not enough; or if the database does not answer. The transaction is to be rolled
/// back then.
pub async fn hand_over_seats(
    tx: &Transaction<'_>,
    item: &CartItem,
    line: OrderItemId,
    sale: &ForSale,
    until: Timestamp,
    now: Timestamp,
    pick: Pick<'_>,
) -> domain::Result<()> {
    let held = seats::held(tx, Owner::Cart(item.id)).await?;
    stock::move_to_order(tx, item.id, line, until).await?;
    delete(tx, item.id).await?;
    let Some(wanted) = &item.seats else {
        // The map was made after the wish.
        return seats::order_best(tx, line, sale, item.quantity, until, now, pick).await;
    };
    let claim = Claim {
        owner: Owner::Order(line),
        ticket_type: item.ticket_type_id,
        until,
        passes: !sale.has_line,
    };
    let missing = wanted.iter().filter(|seat| !held.contains(seat)).copied();
    seats::take(tx, claim, &missing.collect::<Vec<_>>(), now).await??;
    Ok(orders::set_seats(tx, line, wanted).await?)
}

fn read(row: &Row) -> Result<CartItem> {
    Ok(CartItem {
        id: row.id("id", CartItemId::new)?,
        user_id: row.id("user_id", UserId::new)?,
        ticket_type_id: row.id("ticket_type_id", TicketTypeId::new)?,
        quantity: row.count("quantity")?,
        seats: seats::read_numbers(row, "seats")?,
        reserved_until: row.time("reserved_until")?,
        held_since: row.time("held_since")?,
        offered_until: row.time_opt("offered_until")?,
        created_at: row.time("created_at")?,
        updated_at: row.time("updated_at")?,
    })
}

fn read_joined(row: &Row) -> Result<(CartItem, FullTicketType)> {
    let item = CartItem {
        id: row.id("i_id", CartItemId::new)?,
        user_id: row.id("i_user_id", UserId::new)?,
        ticket_type_id: row.id("id", TicketTypeId::new)?,
        quantity: row.count("i_quantity")?,
        seats: seats::read_numbers(row, "i_seats")?,
        reserved_until: row.time("i_reserved_until")?,
        held_since: row.time("i_held_since")?,
        offered_until: row.time_opt("i_offered_until")?,
        created_at: row.time("i_created_at")?,
        updated_at: row.time("i_updated_at")?,
    };
    Ok((item, read_full(row)?))
}
