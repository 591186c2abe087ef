//! Seats: with `stock`, the only module that writes `ticket_stock` or `holds`.
//!
//! A seat is a row of `ticket_stock` with room for one, so the schema lets it have one owner: a hold, or a ticket that is not void.
//! Nothing else is written when it is taken, so a crowd meets only where two want the same seat. What the holds of seats do
//! afterwards (extended, handed over, sold, given back) is what all holds do, see [`crate::stock`].

use crate::error::{DbError, Result};
use crate::orders;
use crate::sql::{RowExt as _, params};
use crate::stock::Owner;
use domain::cart::StockError;
use domain::seating::{self, ChoiceError, Line, Seat, SeatNumber, State, Wish};
use domain::{CartItemId, OrderItemId, TicketTypeId, Timestamp};
use std::collections::HashSet;
use tokio_postgres::{Client, Row, Transaction};

/// Takes a seat that is free: the hot path of a sale.
pub const TAKE_SQL: &str = "
    with taken as (
        update ticket_stock set held = 1
        where ticket_type_id = $1 and stripe = $2 and held = 0 and sold = 0
        returning stripe
    )
    insert into holds (ticket_type_id, stripe, quantity, cart_item_id, order_item_id, expires_at, is_seat)
    select $1, stripe, 1, $3, $4, $5, true from taken
    returning stripe";

/// Takes those of several seats that are free. They are locked in the order of all takers and givers.
macro_rules! take_several {
    ($wait:literal) => {
        concat!(
            "with free as materialized (
                select stripe from ticket_stock
                where ticket_type_id = $1 and stripe = any($2) and held = 0 and sold = 0
                order by stripe for no key update ",
            $wait,
            "
            ),
            taken as (
                update ticket_stock k set held = 1 from free f
                where k.ticket_type_id = $1 and k.stripe = f.stripe and k.held = 0 and k.sold = 0
                returning k.stripe
            )
            insert into holds (ticket_type_id, stripe, quantity, cart_item_id, order_item_id, expires_at, is_seat)
            select $1, stripe, 1, $3, $4, $5, true from taken
            returning stripe"
        )
    };
}

const TAKE_SEVERAL_SQL: &str = take_several!("");
const TAKE_SEVERAL_AT_ONCE_SQL: &str = take_several!("skip locked");

// Whoever holds such a hold locked is about to give it back or to buy: neither is waited for, because holds are locked before counters.
const TAKE_OVER_SQL: &str = "
    update holds set cart_item_id = $3, order_item_id = $4, expires_at = $5
    where id in (
        select id from holds
        where ticket_type_id = $1 and stripe = any($2) and is_seat and cart_item_id is not null and expires_at <= $6
        order by id for update skip locked
    )
    returning stripe";

/// What is to be taken for whom.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// For whom.
    pub owner: Owner,
    /// Of which ticket type.
    pub ticket_type: TicketTypeId,
    /// Until when.
    pub until: Timestamp,
}

/// Takes those of these seats that nobody has, and those that a cart has kept too long. Returns the others, of which none was
/// taken; whoever wants all of them rolls back.
pub async fn take(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<Vec<SeatNumber>> {
    let (cart, order) = claim.owner.ids();
    let taken = match seats {
        [] => return Ok(Vec::new()),
        [seat] => {
            let params = params![
                INT8: claim.ticket_type.get(), INT4: seat.get(), INT8: cart, INT8: order,
                TIMESTAMPTZ: claim.until.inner(),
            ];
            tx.query_typed(TAKE_SQL, params).await?
        }
        seats => {
            let params = params![
            INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats), INT8: cart, INT8: order,
            TIMESTAMPTZ: claim.until.inner(),
            ];
            tx.query_typed(TAKE_SEVERAL_SQL, params).await?
        }
    };
    let missing = without(seats, &taken)?;
    if missing.is_empty() {
        return Ok(missing);
    }
    let over = take_over(tx, claim, &missing, now).await?;
    without(&missing, &over)
}

fn numbers(seats: &[SeatNumber]) -> Vec<i32> {
    seats.iter().map(|seat| seat.get()).collect()
}

fn without(seats: &[SeatNumber], taken: &[Row]) -> Result<Vec<SeatNumber>> {
    let taken = taken.iter().map(|row| row.col::<i32>("stripe"));
    let taken = taken.collect::<Result<HashSet<i32>>>()?;
    let rest = seats.iter().filter(|seat| !taken.contains(&seat.get()));
    Ok(rest.copied().collect())
}

async fn take_over(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<Vec<Row>> {
    let (cart, order) = claim.owner.ids();
    let params = params![
        INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats), INT8: cart, INT8: order,
        TIMESTAMPTZ: claim.until.inner(), TIMESTAMPTZ: now.inner(),
    ];
    Ok(tx.query_typed(TAKE_OVER_SQL, params).await?)
}

/// Whose a seat is, `f`ree, `h`eld or `s`old, at the time `$2`. A hold of a cart whose time is over counts no more.
macro_rules! state {
    () => {
        "case when k.sold > 0 then 's'
              when k.held > 0 and not exists (
                  select 1 from holds h
                  where h.ticket_type_id = s.ticket_type_id and h.stripe = s.number and h.is_seat
                    and h.cart_item_id is not null and h.expires_at <= $2) then 'h'
              else 'f' end"
    };
}
pub(crate) use state;

const LOOK_SQL: &str = concat!(
    "select section_no, row_no, array_agg(number order by number) as numbers, array_agg(place order by number) as places,
            array_agg(cost order by number) as costs, array_agg(accessible order by number) as accessible,
            string_agg(state, '' order by number) as states
    from (
        select s.section_no, s.row_no, s.number, s.place, s.cost, s.accessible, ",
    state!(),
    " as state
        from seats s join ticket_stock k on k.ticket_type_id = s.ticket_type_id and k.stripe = s.number
        where s.ticket_type_id = $1
    ) seats
    group by section_no, row_no order by section_no, row_no"
);

/// The seats of a ticket type, row by row, as they stand. One statement sees one state of the database.
pub async fn look(db: &Client, ticket_type: TicketTypeId, now: Timestamp) -> Result<Vec<Line>> {
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
    let rows = db.query_typed(LOOK_SQL, params).await?;
    rows.iter().map(read_line).collect()
}

fn read_line(row: &Row) -> Result<Line> {
    let numbers: Vec<i32> = row.col("numbers")?;
    let (places, costs): (Vec<i32>, Vec<i32>) = (row.col("places")?, row.col("costs")?);
    let (accessible, states): (Vec<bool>, &str) = (row.col("accessible")?, row.col("states")?);
    let columns = numbers
        .into_iter()
        .zip(places)
        .zip(costs)
        .zip(accessible)
        .zip(states.chars());
    let seats = columns.map(|((((number, place), cost), accessible), state)| {
        Ok(Seat {
            number: SeatNumber::new(number),
            place,
            cost,
            accessible,
            state: read_state(state)?,
        })
    });
    Ok(Line {
        section: row.col("section_no")?,
        row: row.col("row_no")?,
        seats: seats.collect::<Result<_>>()?,
    })
}

pub(crate) fn read_state(state: char) -> Result<State> {
    match state {
        'f' => Ok(State::Free),
        'h' => Ok(State::Held),
        's' => Ok(State::Sold),
        _ => Err(DbError::Value("state")),
    }
}

const CHOSEN_SQL: &str = "
    select s.number, s.accessible, m.no_single_seats
    from seats s join ticket_types t on t.id = s.ticket_type_id join seat_maps m on m.event_id = t.event_id
    where s.ticket_type_id = $1 and s.number = any($2)";

/// The seats of the rows in which some seats are.
macro_rules! of_lines {
    () => {
        "(select s.number from seats s join seats chosen using (ticket_type_id, section_no, row_no)
          where s.ticket_type_id = $1 and chosen.number = any($2))"
    };
}

const LOCK_LINES_SQL: &str = concat!(
    "select stripe from ticket_stock
    where ticket_type_id = $1 and held = 0 and sold = 0 and stripe in ",
    of_lines!(),
    " order by stripe for no key update"
);

// Only whoever has locked a hold waits for its seat, so this waits for nobody.
const FREE_LINES_SQL: &str = concat!(
    "with gone as (
        delete from holds where id in (
            select id from holds
            where ticket_type_id = $1 and is_seat and cart_item_id is not null and expires_at <= $3 and stripe in ",
    of_lines!(),
    " order by id for update skip locked)
        returning stripe
    )
    update ticket_stock k set held = 0 from gone where k.ticket_type_id = $1 and k.stripe = gone.stripe"
);

/// Takes the seats that somebody chose, all or none. `own` are those that the owner has already; `accessible` says whether seats
/// that are kept for people who need them were asked for.
///
/// The inner error says why not; the transaction is to be rolled back then.
pub async fn choose(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    own: &[SeatNumber],
    accessible: bool,
    now: Timestamp,
) -> Result<Result<(), ChoiceError>> {
    let params = params![INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats)];
    let rows = tx.query_typed(CHOSEN_SQL, params).await?;
    let mut known = HashSet::new();
    let (mut no_singles, mut is_kept) = (false, false);
    for row in &rows {
        known.insert(row.col::<i32>("number")?);
        no_singles |= row.col::<bool>("no_single_seats")?;
        is_kept |= row.col::<bool>("accessible")? && !accessible;
    }
    if let Some(unknown) = seats.iter().find(|seat| !known.contains(&seat.get())) {
        return Ok(Err(ChoiceError::Unknown(*unknown)));
    }
    if no_singles {
        lock_lines(tx, claim.ticket_type, seats, now).await?;
    }
    if no_singles || is_kept {
        let lines = look(tx.client(), claim.ticket_type, now).await?;
        if let Err(refused) = seating::check(&lines, seats, own, accessible, no_singles) {
            return Ok(Err(refused));
        }
    }
    let missing = take(tx, claim, seats, now).await?;
    Ok(missing
        .first()
        .map_or(Ok(()), |seat| Err(ChoiceError::Taken(*seat))))
}

/// Keeps what is free in the rows of some seats, so that what is left beside a choice is not chosen by somebody else meanwhile.
/// What carts have kept there for too long is given back first: it would be taken over without a look at this lock.
async fn lock_lines(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<()> {
    let params = params![INT8: ticket_type.get(), INT4_ARRAY: numbers(seats)];
    tx.query_typed(LOCK_LINES_SQL, params).await?;
    let params = params![INT8: ticket_type.get(), INT4_ARRAY: numbers(seats), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(FREE_LINES_SQL, params).await?;
    Ok(())
}

const RULE_SQL: &str = "
    select m.no_single_seats from ticket_types t join seat_maps m on m.event_id = t.event_id where t.id = $1";

const RETRY_SQL: &str =
    "select min(expires_at) as retry_at from holds where ticket_type_id = $1 and expires_at > $2";

const LOCK_FREE_SQL: &str = "
    select stripe from ticket_stock where ticket_type_id = $1 and held = 0 and sold = 0
    order by stripe for no key update";

const SAVEPOINT_SQL: &str = "savepoint best_seats";
const UNDO_SQL: &str = "rollback to savepoint best_seats";

/// How much worse than the best seats are as good for a try, in hundredths of the width of a seat: the more others were quicker,
/// the wider a crowd spreads.
const TOLERANCES: [i32; 6] = [75, 200, 600, 2_000, 10_000, i32::MAX];

/// Draws a number below the one it is given.
pub type Pick<'a> = &'a mut (dyn FnMut(u32) -> u32 + Send);

/// Takes the best seats that can be had, all or nothing. Returns them.
///
/// What is free is looked at without a lock, and what is chosen is taken by one statement that does not wait: of two who chose the
/// same seats, one looks again and draws from more. The last try locks everything that is free, so it is nobody's turn for ever.
/// Only a look, which sees one state of the database, says that there is not enough.
///
/// The inner error says why there are none; nothing was taken then.
pub async fn take_best(
    tx: &Transaction<'_>,
    claim: Claim,
    quantity: u32,
    accessible: bool,
    now: Timestamp,
    pick: Pick<'_>,
) -> Result<Result<Vec<SeatNumber>, StockError>> {
    let params = params![INT8: claim.ticket_type.get()];
    let rule = tx.query_typed_opt(RULE_SQL, params).await?;
    let no_singles = rule.map_or(Ok(false), |row| row.col("no_single_seats"))?;
    let mut wish = Wish {
        quantity,
        accessible,
        no_singles,
        tolerance: 0,
    };
    for tolerance in TOLERANCES {
        wish.tolerance = tolerance;
        let lines = look(tx.client(), claim.ticket_type, now).await?;
        let Some(seats) = seating::best(&lines, wish, pick) else {
            return refusal(tx, claim.ticket_type, &lines, wish, now).await.map(Err);
        };
        tx.execute_typed(SAVEPOINT_SQL, params![]).await?;
        if try_best(tx, claim, &seats, wish, now).await? {
            return Ok(Ok(seats));
        }
        tx.execute_typed(UNDO_SQL, params![]).await?;
    }
    let params = params![INT8: claim.ticket_type.get()];
    tx.query_typed(LOCK_FREE_SQL, params).await?;
    wish.tolerance = 0;
    let lines = look(tx.client(), claim.ticket_type, now).await?;
    if let Some(seats) = seating::best(&lines, wish, pick)
        && take(tx, claim, &seats, now).await?.is_empty()
    {
        return Ok(Ok(seats));
    }
    refusal(tx, claim.ticket_type, &lines, wish, now).await.map(Err)
}

/// Takes the best seats for a line of an order and writes them down.
///
/// # Errors
/// Why there are not enough; or if the database does not answer.
pub async fn order_best(
    tx: &Transaction<'_>,
    line: OrderItemId,
    ticket_type: TicketTypeId,
    quantity: u32,
    until: Timestamp,
    now: Timestamp,
    pick: Pick<'_>,
) -> domain::Result<()> {
    let claim = Claim {
        owner: Owner::Order(line),
        ticket_type,
        until,
    };
    let seats = take_best(tx, claim, quantity, false, now, pick).await??;
    Ok(orders::set_seats(tx, line, &seats).await?)
}

/// Takes what was chosen out of a look that is over, if nobody was quicker.
async fn try_best(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    wish: Wish,
    now: Timestamp,
) -> Result<bool> {
    if wish.no_singles {
        // Beside it nobody may have chosen anything since.
        lock_lines(tx, claim.ticket_type, seats, now).await?;
        let lines = look(tx.client(), claim.ticket_type, now).await?;
        if seating::check(&lines, seats, &[], true, false).is_err()
            || seating::check(&lines, seats, &[], wish.accessible, true)
                .is_err_and(|refused| refused == ChoiceError::Single)
        {
            return Ok(false);
        }
    }
    let (cart, order) = claim.owner.ids();
    let params = params![
    INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats), INT8: cart, INT8: order,
    TIMESTAMPTZ: claim.until.inner(),
    ];
    let taken = tx.query_typed(TAKE_SEVERAL_AT_ONCE_SQL, params).await?;
    let missing = without(seats, &taken)?;
    if missing.is_empty() {
        return Ok(true);
    }
    let over = take_over(tx, claim, &missing, now).await?;
    Ok(over.len() == missing.len())
}

/// Why there are not enough seats.
async fn refusal(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    lines: &[Line],
    wish: Wish,
    now: Timestamp,
) -> Result<StockError> {
    let count = |state: State| {
        let seats = lines.iter().flat_map(|line| &line.seats);
        let seats = seats.filter(|seat| seat.state == state && (wish.accessible || !seat.accessible));
        u32::try_from(seats.count()).unwrap_or(u32::MAX)
    };
    let left = count(State::Free);
    if count(State::Held) == 0 {
        return Ok(StockError::SoldOut { left });
    }
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
    let retry_at = tx
        .query_typed_one(RETRY_SQL, params)
        .await?
        .time_opt("retry_at")?;
    Ok(StockError::HeldByOthers { left, retry_at })
}

const HELD_SQL: &str = "
    select stripe from holds where is_seat and (cart_item_id = $1 or order_item_id = $2) order by stripe";

/// The seats that an owner holds. Its holds are locked.
pub async fn held(tx: &Transaction<'_>, owner: Owner) -> Result<Vec<SeatNumber>> {
    let (cart, order) = owner.ids();
    let rows = tx.query_typed(HELD_SQL, params![INT8: cart, INT8: order]).await?;
    let numbers = rows.iter().map(|row| row.col("stripe").map(SeatNumber::new));
    numbers.collect()
}

const RELEASE_SQL: &str = "
    with gone as (
        delete from holds where cart_item_id = $1 and is_seat and stripe = any($2) returning ticket_type_id, stripe
    ),
    locked as materialized (
        select k.ticket_type_id, k.stripe from ticket_stock k join gone using (ticket_type_id, stripe)
        order by k.ticket_type_id, k.stripe for no key update of k
    )
    update ticket_stock k set held = 0 from locked l where k.ticket_type_id = l.ticket_type_id and k.stripe = l.stripe";

/// Gives back some of the seats that a row of a cart holds. Its holds are locked already.
pub async fn release(tx: &Transaction<'_>, item: CartItemId, seats: &[SeatNumber]) -> Result<()> {
    if seats.is_empty() {
        return Ok(());
    }
    let params = params![INT8: item.get(), INT4_ARRAY: numbers(seats)];
    tx.execute_typed(RELEASE_SQL, params).await?;
    Ok(())
}

const UNSELL_SQL: &str = "
    with back as (
        select ticket_type_id, seat as stripe from issued_tickets where id = any($1) and seat is not null
    ),
    locked as materialized (
        select k.ticket_type_id, k.stripe from ticket_stock k join back using (ticket_type_id, stripe)
        order by k.ticket_type_id, k.stripe for no key update of k
    )
    update ticket_stock k set sold = 0 from locked l where k.ticket_type_id = l.ticket_type_id and k.stripe = l.stripe";

/// Puts the seats of tickets that this transaction voids back on sale; each one its own.
pub(crate) async fn unsell(tx: &Transaction<'_>, tickets: Vec<i64>) -> Result<()> {
    tx.execute_typed(UNSELL_SQL, params![INT8_ARRAY: tickets]).await?;
    Ok(())
}

/// A seat as people find it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// Its number.
    pub number: SeatNumber,
    /// What is sold there.
    pub ticket_type: TicketTypeId,
    /// What its section is called.
    pub section: String,
    /// What its row is called.
    pub row: String,
    /// What stands on it.
    pub label: String,
    /// Whether it is kept for people who need it.
    pub accessible: bool,
}

const PLACES_SQL: &str = "
    select s.ticket_type_id, s.number, s.section, s.row_label, s.label, s.accessible
    from unnest($1::bigint[], $2::int[]) as wanted (ticket_type_id, number) join seats s using (ticket_type_id, number)
    order by s.ticket_type_id, s.number";

/// Where some seats are; those of a map that is gone are left out.
pub async fn places(db: &Client, seats: &[(TicketTypeId, SeatNumber)]) -> Result<Vec<Place>> {
    if seats.is_empty() {
        return Ok(Vec::new());
    }
    let types: Vec<i64> = seats.iter().map(|(id, _)| id.get()).collect();
    let numbers: Vec<i32> = seats.iter().map(|(_, number)| number.get()).collect();
    let rows = db
        .query_typed(PLACES_SQL, params![INT8_ARRAY: types, INT4_ARRAY: numbers])
        .await?;
    rows.iter()
        .map(|row| {
            Ok(Place {
                number: SeatNumber::new(row.col("number")?),
                ticket_type: row.id("ticket_type_id", TicketTypeId::new)?,
                section: row.col("section")?,
                row: row.col("row_label")?,
                label: row.col("label")?,
                accessible: row.col("accessible")?,
            })
        })
        .collect()
}

/// Reads a list of seats that may be absent.
pub(crate) fn read_numbers(row: &Row, name: &str) -> Result<Option<Vec<SeatNumber>>> {
    let numbers: Option<Vec<i32>> = row.col(name)?;
    Ok(numbers.map(|numbers| numbers.into_iter().map(SeatNumber::new).collect()))
}

/// As the database keeps a list of seats.
pub(crate) fn write_numbers(seats: Option<&[SeatNumber]>) -> Option<Vec<i32>> {
    seats.map(numbers)
}
