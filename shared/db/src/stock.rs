//! Counters and holds of general admission: the only module that writes `ticket_stock` or `holds`. What happens to all that a cart row
//! or a line of an order holds (extended, handed over, sold, given back) is written here for seats, too, see [`crate::seats`].
//!
//! A unit is taken by one statement on a random stripe. If that stripe cannot give the quantity, one look at all stripes,
//! in one snapshot, may say that there is not enough: most of a crowd hears that, and nobody waits for anybody to say it.
//! Otherwise one pass over all stripes, locked in their order, gives the quantity from several. Giving back uses the same
//! locks in the same order, so takers and givers cannot deadlock.
//!
//! While somebody waits for a ticket type, its free units are for the line, and the statement that takes them says so: whoever was
//! in line before it began comes before it.

use crate::error::{DbError, Result};
use crate::seats;
use crate::sql::{RowExt as _, params};
use crate::ticket_types::int;
use domain::cart::StockError;
use domain::inventory::{self, Share, Stripe};
use domain::ticket::Capacity;
use domain::{CartItemId, IssuedTicketId, OrderId, OrderItemId, TicketTypeId, Timestamp};
use tokio_postgres::Transaction;

/// To whom a hold belongs.
#[derive(Debug, Clone, Copy)]
pub enum Owner {
    /// A row of a cart.
    Cart(CartItemId),
    /// A line of an order.
    Order(OrderItemId),
}

impl Owner {
    pub(crate) fn ids(self) -> (Option<i64>, Option<i64>) {
        match self {
            Self::Cart(id) => (Some(id.get()), None),
            Self::Order(id) => (None, Some(id.get())),
        }
    }

    /// Its number, and whether it is a line of an order.
    pub(crate) fn holder(self) -> (i64, bool) {
        match self {
            Self::Cart(id) => (id.get(), false),
            Self::Order(id) => (id.get(), true),
        }
    }
}

/// What is wanted.
#[derive(Debug, Clone, Copy)]
pub struct Want {
    /// Of which ticket type.
    pub ticket_type: TicketTypeId,
    /// How many.
    pub quantity: u32,
    /// Where to look first: a random number below the number of stripes, so that a crowd spreads.
    pub first_stripe: u32,
    /// Until when.
    pub until: Timestamp,
}

/// Takes from one stripe and writes the hold: the hot path of a sale. Unless the taker passes the line (`$7`), nobody may wait.
pub const TAKE_SQL: &str = "
    with taken as (
        update ticket_stock set held = held + $3
        where ticket_type_id = $1 and stripe = $2 and held + sold + $3 <= capacity
          and ($7 or not exists (select from waiting_entries where ticket_type_id = $1 and status = 'waiting'))
        returning stripe
    )
    insert into holds (ticket_type_id, stripe, quantity, cart_item_id, order_item_id, expires_at)
    select $1, stripe, $3, $4, $5, $6 from taken
    returning id";

const SAVEPOINT_SQL: &str = "savepoint one_stripe";
const UNDO_SQL: &str = "rollback to savepoint one_stripe";

const LOOK_SQL: &str = "
    select coalesce(sum(capacity - held - sold), 0)::int as free, coalesce(sum(held), 0)::int as held,
           (select coalesce(sum(quantity), 0)::int from holds
            where ticket_type_id = $1 and expires_at <= $2 and cart_item_id is not null) as expired,
           (select min(expires_at) from holds where ticket_type_id = $1 and expires_at > $2) as retry_at,
           exists (select from waiting_entries where ticket_type_id = $1 and status = 'waiting') as is_waited_for
    from ticket_stock where ticket_type_id = $1";

const LOCK_STRIPES_SQL: &str = "
    select stripe, capacity, held + sold as used from ticket_stock
    where ticket_type_id = $1 order by stripe for no key update";

/// Takes stock for an owner, all or nothing.
///
/// The inner error says why there is none; nothing was taken then. While somebody waits for the ticket type there is none.
pub async fn take(
    tx: &Transaction<'_>,
    owner: Owner,
    want: Want,
    now: Timestamp,
) -> Result<Result<(), StockError>> {
    take_as(tx, owner, want, Line::Behind, now).await
}

/// The same for somebody whose turn it is, or who has paid already: those who wait do not keep it from them.
pub async fn take_before_the_line(
    tx: &Transaction<'_>,
    owner: Owner,
    want: Want,
    now: Timestamp,
) -> Result<Result<(), StockError>> {
    take_as(tx, owner, want, Line::Before, now).await
}

/// Where a taker stands to those who wait.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Line {
    Behind,
    Before,
}

async fn take_as(
    tx: &Transaction<'_>,
    owner: Owner,
    want: Want,
    line: Line,
    now: Timestamp,
) -> Result<Result<(), StockError>> {
    let first = Share {
        stripe: int(want.first_stripe),
        quantity: want.quantity,
    };
    // An update that waited for a stripe and then found it full leaves it locked. Locked out of turn it would deadlock with
    // the passes of others, so the statement can be undone. Both are sent before either is waited for.
    let (marked, taken) = tokio::join!(
        biased;
        tx.execute_typed(SAVEPOINT_SQL, params![]),
        take_share(tx, owner, want, first, line)
    );
    marked?;
    if taken? {
        return Ok(Ok(()));
    }
    let (undone, seen) = tokio::join!(
        biased;
        tx.execute_typed(UNDO_SQL, params![]),
        look(tx, want.ticket_type, now)
    );
    undone?;
    if let Some(refusal) = seen?.refusal_of(want.quantity, line) {
        return Ok(Err(refusal));
    }
    let mut planned = inventory::take(&lock_stripes(tx, want.ticket_type).await?, want.quantity);
    if planned.is_none() {
        // What carts held too long need not wait for the sweep.
        if release_expired_of_type(tx, want.ticket_type, now).await? > 0 {
            planned = inventory::take(&lock_stripes(tx, want.ticket_type).await?, want.quantity);
        }
    }
    let Some(mut shares) = planned else {
        // Others were quicker, or a sweep has the expired holds in its hands.
        return Ok(Err(look(tx, want.ticket_type, now).await?.refusal(line)));
    };
    shares.sort_by_key(|share| share.stripe);
    for share in shares {
        if !take_share(tx, owner, want, share, line).await? {
            // The stripes are locked and were counted, so it is not for want of units.
            return match line {
                Line::Before => Err(DbError::Value("ticket_stock.held")),
                Line::Behind => {
                    // Somebody has joined the line meanwhile.
                    tx.execute_typed(UNDO_SQL, params![]).await?;
                    Ok(Err(StockError::WaitedFor))
                }
            };
        }
    }
    Ok(Ok(()))
}

/// What all stripes of a ticket type have at one moment.
struct Seen {
    /// Units that nobody holds, or whose hold by a cart has expired.
    left: u32,
    /// Units whose holds still count.
    held: u32,
    /// When the next of these ends.
    retry_at: Option<Timestamp>,
    /// Whether somebody is in line.
    is_waited_for: bool,
}

impl Seen {
    fn refusal(&self, line: Line) -> StockError {
        let (left, retry_at) = (self.left, self.retry_at);
        if self.is_waited_for && line == Line::Behind {
            StockError::WaitedFor
        } else if self.held == 0 {
            StockError::SoldOut { left }
        } else {
            StockError::HeldByOthers { left, retry_at }
        }
    }

    /// Why this quantity is not to be had; `None` if it may be.
    fn refusal_of(&self, quantity: u32, line: Line) -> Option<StockError> {
        let is_missing = self.left < quantity || self.is_waited_for && line == Line::Behind;
        is_missing.then(|| self.refusal(line))
    }
}

/// Looks at the stripes of a ticket type without a lock. One statement sees one state of the database, so what it finds
/// missing was missing.
async fn look(tx: &Transaction<'_>, ticket_type: TicketTypeId, now: Timestamp) -> Result<Seen> {
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
    let row = tx.query_typed_one(LOOK_SQL, params).await?;
    let expired = row.count("expired")?;
    Ok(Seen {
        left: row.count("free")? + expired,
        held: row.count("held")?.saturating_sub(expired),
        retry_at: row.time_opt("retry_at")?,
        is_waited_for: row.col("is_waited_for")?,
    })
}

/// How many units of a ticket type nobody holds at this moment, or holds any more, whoever waits for them.
pub async fn free(tx: &Transaction<'_>, ticket_type: TicketTypeId, now: Timestamp) -> Result<u32> {
    Ok(look(tx, ticket_type, now).await?.left)
}

/// The stripes of a ticket type, locked in their order.
async fn lock_stripes(tx: &Transaction<'_>, ticket_type: TicketTypeId) -> Result<Vec<Stripe>> {
    let rows = tx
        .query_typed(LOCK_STRIPES_SQL, params![INT8: ticket_type.get()])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Stripe {
                number: row.col("stripe")?,
                capacity: row.count("capacity")?,
                used: row.count("used")?,
            })
        })
        .collect()
}

async fn take_share(
    tx: &Transaction<'_>,
    owner: Owner,
    want: Want,
    share: Share,
    line: Line,
) -> Result<bool> {
    let (cart, order) = owner.ids();
    let row = tx
        .query_typed_opt(
            TAKE_SQL,
            params![
                INT8: want.ticket_type.get(), INT4: share.stripe, INT4: int(share.quantity), INT8: cart, INT8: order,
                TIMESTAMPTZ: want.until.inner(), BOOL: line == Line::Before,
            ],
        )
        .await?;
    Ok(row.is_some())
}

/// Gives held stock back: deletes the chosen holds and takes their sum off the counters, which are locked in the order of
/// all takers. The look-up of the holds is the only difference between the statements, and that an owner's seats go back first.
macro_rules! release {
    ($before:literal, $holds:literal) => {
        concat!(
            $before,
            "gone as (delete from holds where ",
            $holds,
            " returning ticket_type_id, stripe, quantity),
            sums as (select ticket_type_id, stripe, sum(quantity)::int as quantity from gone group by 1, 2),
            locked as materialized (
                select s.ticket_type_id, s.stripe, sums.quantity
                from ticket_stock s join sums using (ticket_type_id, stripe)
                order by s.ticket_type_id, s.stripe for no key update of s
            )
            update ticket_stock s set held = s.held - l.quantity
            from locked l where s.ticket_type_id = l.ticket_type_id and s.stripe = l.stripe"
        )
    };
}

const RELEASE_CART_SQL: &str = release!(
    "with seats as (
        update seat_stock set holder_id = null, held_until = null where holder_id = $1 and not holder_is_order
    ), ",
    "cart_item_id = $1"
);
const RELEASE_ORDER_SQL: &str = release!(
    "with lines as (select id from order_items where order_id = $1),
    seats as (
        update seat_stock set holder_id = null, held_until = null
        where holder_id in (select id from lines) and holder_is_order
    ), ",
    "order_item_id in (select id from lines)"
);
const RELEASE_EXPIRED_SQL: &str = release!(
    "with ",
    "id in (select id from holds where cart_item_id is not null and expires_at <= $1
            order by expires_at limit $2 for update skip locked)"
);
const RELEASE_EXPIRED_OF_TYPE_SQL: &str = release!(
    "with ",
    "id in (select id from holds where ticket_type_id = $1 and cart_item_id is not null and expires_at <= $2
            for update skip locked)"
);

/// Gives back what carts have kept of a ticket type for too long. Returns how many counters changed.
pub(crate) async fn release_expired_of_type(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    now: Timestamp,
) -> Result<u64> {
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
    Ok(tx.execute_typed(RELEASE_EXPIRED_OF_TYPE_SQL, params).await?)
}

/// Gives back all that a cart row holds.
pub async fn release_cart_item(tx: &Transaction<'_>, item: CartItemId) -> Result<()> {
    tx.execute_typed(RELEASE_CART_SQL, params![INT8: item.get()])
        .await?;
    Ok(())
}

/// Gives back all that the lines of an order hold.
pub async fn release_order(tx: &Transaction<'_>, order: OrderId) -> Result<()> {
    tx.execute_typed(RELEASE_ORDER_SQL, params![INT8: order.get()])
        .await?;
    Ok(())
}

/// Gives back holds of carts whose time is over, at most `limit` of them, and as many seats. Returns how many counters and seats
/// changed; 0 means that there is nothing left to do.
pub async fn release_expired_carts(tx: &Transaction<'_>, now: Timestamp, limit: u32) -> Result<u64> {
    let seats = seats::release_expired(tx, now, limit).await?;
    let params = params![TIMESTAMPTZ: now.inner(), INT8: i64::from(limit)];
    Ok(seats + tx.execute_typed(RELEASE_EXPIRED_SQL, params).await?)
}

/// Locks what an owner holds, holds first and then seats.
macro_rules! lock_holds {
    ($owner:literal, $holder:literal) => {
        concat!(
            "with counted as materialized (select quantity from holds where ",
            $owner,
            " order by id for update),
            seats as materialized (select 1 as quantity from seat_stock where ",
            $holder,
            " order by ticket_type_id, number for no key update)
            select quantity from counted union all select quantity from seats"
        )
    };
}

const LOCK_CART_HOLDS_SQL: &str = lock_holds!("cart_item_id = $1", "holder_id = $1 and not holder_is_order");

/// How many units a cart row holds; none once its time is over and they were given back. They stay as they are until the
/// end of the transaction. Whoever changes several rows locks the holds of all of them before the first counter: the sweep
/// of expired holds does so, too.
pub async fn lock_cart_holds(tx: &Transaction<'_>, item: CartItemId) -> Result<u32> {
    let rows = tx
        .query_typed(LOCK_CART_HOLDS_SQL, params![INT8: item.get()])
        .await?;
    rows.iter().map(|row| row.count("quantity")).sum()
}

const LOCK_ORDER_HOLDS_SQL: &str = lock_holds!("order_item_id = $1", "holder_id = $1 and holder_is_order");

/// How many units a line of an order holds. They stay as they are until the end of the transaction. As with carts, the
/// holds of all lines are locked before the first counter.
pub async fn lock_order_holds(tx: &Transaction<'_>, item: OrderItemId) -> Result<u32> {
    let rows = tx
        .query_typed(LOCK_ORDER_HOLDS_SQL, params![INT8: item.get()])
        .await?;
    rows.iter().map(|row| row.count("quantity")).sum()
}

const REDUCE_CART_SQL: &str = "
    with ranked as (
        select id, ticket_type_id, stripe, quantity,
               coalesce(sum(quantity) over (order by id rows between unbounded preceding and 1 preceding), 0) as before
        from holds where cart_item_id = $1
    ),
    cut as (
        select id, ticket_type_id, stripe, quantity, least(quantity, greatest(0, $2 - before))::int as give from ranked
    ),
    gone as (delete from holds h using cut c where h.id = c.id and c.give = c.quantity),
    less as (
        update holds h set quantity = h.quantity - c.give from cut c
        where h.id = c.id and c.give > 0 and c.give < c.quantity
    ),
    sums as (select ticket_type_id, stripe, sum(give)::int as quantity from cut where give > 0 group by 1, 2),
    locked as materialized (
        select s.ticket_type_id, s.stripe, sums.quantity
        from ticket_stock s join sums using (ticket_type_id, stripe)
        order by s.ticket_type_id, s.stripe for no key update of s
    )
    update ticket_stock s set held = s.held - l.quantity
    from locked l where s.ticket_type_id = l.ticket_type_id and s.stripe = l.stripe";

/// Gives back some of what a cart row holds. Its holds are locked already.
pub async fn reduce_cart(tx: &Transaction<'_>, item: CartItemId, by: u32) -> Result<()> {
    tx.execute_typed(REDUCE_CART_SQL, params![INT8: item.get(), INT4: int(by)])
        .await?;
    Ok(())
}

const EXTEND_CART_SQL: &str = "
    with seats as (update seat_stock set held_until = $2 where holder_id = $1 and not holder_is_order)
    update holds set expires_at = $2 where cart_item_id = $1";

/// Keeps what a cart row holds until another time.
pub async fn extend_cart(tx: &Transaction<'_>, item: CartItemId, until: Timestamp) -> Result<()> {
    tx.execute_typed(
        EXTEND_CART_SQL,
        params![INT8: item.get(), TIMESTAMPTZ: until.inner()],
    )
    .await?;
    Ok(())
}

const EXTEND_ORDER_SQL: &str = "
    with seats as (
        update seat_stock set held_until = $2
        where holder_id in (select id from order_items where order_id = $1) and holder_is_order
    )
    update holds set expires_at = $2 where order_item_id in (select id from order_items where order_id = $1)";

/// Keeps what the lines of an order hold until another time.
pub async fn extend_order(tx: &Transaction<'_>, order: OrderId, until: Timestamp) -> Result<()> {
    tx.execute_typed(
        EXTEND_ORDER_SQL,
        params![INT8: order.get(), TIMESTAMPTZ: until.inner()],
    )
    .await?;
    Ok(())
}

const MOVE_TO_ORDER_SQL: &str = "
    with seats as (
        update seat_stock set holder_id = $2, holder_is_order = true, held_until = $3
        where holder_id = $1 and not holder_is_order
    )
    update holds set cart_item_id = null, order_item_id = $2, expires_at = $3 where cart_item_id = $1";

/// Hands what a cart row holds over to a line of an order. The counters stay as they are.
pub async fn move_to_order(
    tx: &Transaction<'_>,
    from: CartItemId,
    to: OrderItemId,
    until: Timestamp,
) -> Result<()> {
    tx.execute_typed(
        MOVE_TO_ORDER_SQL,
        params![INT8: from.get(), INT8: to.get(), TIMESTAMPTZ: until.inner()],
    )
    .await?;
    Ok(())
}

const SELL_SQL: &str = "
    with gone as (
        delete from holds where order_item_id in (select id from order_items where order_id = $1)
        returning ticket_type_id, stripe, quantity
    ),
    sums as (select ticket_type_id, stripe, sum(quantity)::int as quantity from gone group by 1, 2),
    locked as materialized (
        select s.ticket_type_id, s.stripe, sums.quantity
        from ticket_stock s join sums using (ticket_type_id, stripe)
        order by s.ticket_type_id, s.stripe for no key update of s
    ),
    counted as (
        update ticket_stock s set held = s.held - l.quantity, sold = s.sold + l.quantity
        from locked l where s.ticket_type_id = l.ticket_type_id and s.stripe = l.stripe
        returning l.quantity, s.ticket_type_id, s.sold = s.capacity as is_full
    ),
    seats as (
        update seat_stock set sold = true, holder_id = null, held_until = null
        where holder_id in (select id from order_items where order_id = $1) and holder_is_order
        returning 1 as quantity, ticket_type_id, true as is_full
    )
    select * from counted union all select * from seats";

/// What was sold.
#[derive(Debug)]
pub struct Sold {
    /// How many units.
    pub quantity: u32,
    /// Ticket types of which a counter has none left, held ones included. They may have some on other counters.
    pub full: Vec<TicketTypeId>,
}

/// Turns everything the lines of an order hold into sold stock.
pub async fn sell(tx: &Transaction<'_>, order: OrderId) -> Result<Sold> {
    let rows = tx.query_typed(SELL_SQL, params![INT8: order.get()]).await?;
    let mut sold = Sold {
        quantity: 0,
        full: Vec::new(),
    };
    for row in &rows {
        sold.quantity += row.count("quantity")?;
        let ticket_type = row.id("ticket_type_id", TicketTypeId::new)?;
        // Each seat is full at once.
        if row.col("is_full")? && !sold.full.contains(&ticket_type) {
            sold.full.push(ticket_type);
        }
    }
    Ok(sold)
}

const UNSELL_SQL: &str = "
    with back as (
        select ticket_type_id, count(*)::int as quantity from issued_tickets where id = any($1) and seat is null group by 1
    ),
    locked as materialized (
        select s.ticket_type_id, s.stripe, s.sold from ticket_stock s join back using (ticket_type_id)
        order by s.ticket_type_id, s.stripe for no key update of s
    ),
    shares as (
        select l.ticket_type_id, l.stripe,
               least(l.sold, greatest(0, b.quantity - coalesce(sum(l.sold) over before, 0)))::int as quantity
        from locked l join back b using (ticket_type_id)
        window before as (partition by l.ticket_type_id order by l.stripe rows between unbounded preceding and 1 preceding)
    )
    update ticket_stock s set sold = s.sold - h.quantity
    from shares h where s.ticket_type_id = h.ticket_type_id and s.stripe = h.stripe and h.quantity > 0";

/// Puts the units of tickets that this transaction voids back on sale. A seat is its own; other sold units have no stripe of
/// their own, so they are taken off the lowest stripes that have any.
pub async fn unsell(tx: &Transaction<'_>, tickets: &[IssuedTicketId]) -> Result<()> {
    if tickets.is_empty() {
        return Ok(());
    }
    let ids: Vec<i64> = tickets.iter().map(|id| id.get()).collect();
    tx.execute_typed(UNSELL_SQL, params![INT8_ARRAY: ids]).await?;
    seats::unsell(tx, ids).await
}

const SET_CAPACITY_SQL: &str = "
    update ticket_stock s set capacity = n.capacity
    from unnest($2::int[], $3::int[]) as n (stripe, capacity)
    where s.ticket_type_id = $1 and s.stripe = n.stripe";

/// Changes how many units are left to sell, and spreads them evenly. Returns the new capacity, which is what is left plus
/// what is held or sold; `None` if that is more than a ticket type may have.
pub async fn set_left(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    left: Capacity,
) -> Result<Option<Capacity>> {
    let stripes = lock_stripes(tx, ticket_type).await?;
    let used: u32 = stripes.iter().map(|stripe| stripe.used).sum();
    let Some(capacity) = Capacity::new(used.saturating_add(left.get())) else {
        return Ok(None);
    };
    let capacities =
        inventory::rebalance(&stripes, capacity.get()).ok_or(DbError::Value("ticket_stock.capacity"))?;
    let numbers: Vec<i32> = stripes.iter().map(|stripe| stripe.number).collect();
    let capacities: Vec<i32> = capacities.into_iter().map(int).collect();
    let params = params![INT8: ticket_type.get(), INT4_ARRAY: numbers, INT4_ARRAY: capacities];
    tx.execute_typed(SET_CAPACITY_SQL, params).await?;
    Ok(Some(capacity))
}
