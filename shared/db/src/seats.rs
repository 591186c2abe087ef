//! Seats: with `stock`, the only module that writes `seat_stock`.
//!
//! A seat is a row that says who has it, and the schema lets it have one owner: a cart, an order, or a ticket that is not void. Nothing
//! else is written when it is taken, so a crowd meets only where two want the same seat. What happens to all that an owner holds
//! (extended, handed over, sold, given back) is written in [`crate::stock`].

use crate::error::{DbError, Result};
use crate::sql::{RowExt as _, params};
use crate::stock::Owner;
use crate::ticket_types::{ForSale, int};
use crate::{orders, waiting_list};
use domain::cart::StockError;
use domain::seating::{self, Choice, ChoiceError, Line, Seat, SeatNumber, State, Wish};
use domain::{CartItemId, OrderId, OrderItemId, TicketTypeId, Timestamp};
use std::collections::HashSet;
use tokio_postgres::{Client, Row, Transaction};

/// Takes a seat that is free and has no line: the hot path of a sale. To look for a line in it would cost a third of its speed.
pub const TAKE_SQL: &str = "
    update seat_stock set holder_id = $3, holder_is_order = $4, held_until = $5
    where ticket_type_id = $1 and number = $2 and held_until is null and not sold";

/// Takes those of several seats of which something is true. They are locked in the order of all takers and givers. Unless the taker
/// passes the line (`$6`), nobody may wait.
macro_rules! take_several {
    ($which:literal, $wait:literal) => {
        concat!(
            "with found as materialized (
                select number from seat_stock where ticket_type_id = $1 and number = any($2)
                  and ($6 or not exists (select from waiting_entries where ticket_type_id = $1 and status = 'waiting'))
                  and ",
            $which,
            " order by number for no key update ",
            $wait,
            "
            )
            update seat_stock k set holder_id = $3, holder_is_order = $4, held_until = $5
            from found f where k.ticket_type_id = $1 and k.number = f.number
            returning k.number"
        )
    };
}

const TAKE_SEVERAL_SQL: &str = take_several!("held_until is null and not sold", "");

// Whoever has such a seat locked is about to give it back or to buy: neither is waited for, because they lock what they hold before
// counters.
const TAKE_OVER_SQL: &str = take_several!("not holder_is_order and held_until <= $7", "skip locked");

const TAKE_AT_ONCE_SQL: &str = take_several!(
    "(held_until is null and not sold or not holder_is_order and held_until <= $7)",
    "skip locked"
);

/// What is to be taken for whom.
#[derive(Debug, Clone, Copy)]
pub struct Claim {
    /// For whom.
    pub owner: Owner,
    /// Of which ticket type.
    pub ticket_type: TicketTypeId,
    /// Until when.
    pub until: Timestamp,
    /// Whether nobody who waits keeps it from the owner: there is no line, it is their turn, or it was theirs and is paid for.
    pub passes: bool,
}

/// Takes seats that nobody has, or that a cart has kept too long.
///
/// The inner error says why one of them is not to be had; some may be taken then, so the transaction is to be rolled back.
pub async fn take(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<Result<(), ChoiceError>> {
    let (holder, is_order) = claim.owner.holder();
    let missing = match seats {
        [] => return Ok(Ok(())),
        [seat] if claim.passes => {
            let params = params![
                INT8: claim.ticket_type.get(), INT4: seat.get(), INT8: holder, BOOL: is_order,
                TIMESTAMPTZ: claim.until.inner(),
            ];
            match tx.execute_typed(TAKE_SQL, params).await? {
                0 => seats.to_vec(),
                _ => Vec::new(),
            }
        }
        seats => {
            let params = params![
                INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats), INT8: holder, BOOL: is_order,
                TIMESTAMPTZ: claim.until.inner(), BOOL: claim.passes,
            ];
            without(seats, &tx.query_typed(TAKE_SEVERAL_SQL, params).await?)?
        }
    };
    if missing.is_empty() {
        return Ok(Ok(()));
    }
    let over = take_over(tx, claim, &missing, now).await?;
    match without(&missing, &over)?.first() {
        None => Ok(Ok(())),
        Some(_) if is_for_the_line(tx, claim).await? => Ok(Err(ChoiceError::WaitedFor)),
        Some(seat) => Ok(Err(ChoiceError::Taken(*seat))),
    }
}

/// Whether what is free is kept from a claim for those who wait.
async fn is_for_the_line(tx: &Transaction<'_>, claim: Claim) -> Result<bool> {
    Ok(!claim.passes && waiting_list::is_waited_for(tx, claim.ticket_type).await?)
}

fn numbers(seats: &[SeatNumber]) -> Vec<i32> {
    seats.iter().map(|seat| seat.get()).collect()
}

fn without(seats: &[SeatNumber], taken: &[Row]) -> Result<Vec<SeatNumber>> {
    let taken = taken.iter().map(|row| row.col::<i32>("number"));
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
    let (holder, is_order) = claim.owner.holder();
    let params = params![
        INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats), INT8: holder, BOOL: is_order,
        TIMESTAMPTZ: claim.until.inner(), BOOL: claim.passes, TIMESTAMPTZ: now.inner(),
    ];
    Ok(tx.query_typed(TAKE_OVER_SQL, params).await?)
}

/// Whose a seat is, `f`ree, `h`eld or `s`old, at the time `$2`. A hold of a cart whose time is over counts no more.
macro_rules! state {
    () => {
        "case when k.sold then 's'
              when k.held_until is null or not k.holder_is_order and k.held_until <= $2 then 'f'
              else 'h' end"
    };
}
pub(crate) use state;

/// Reads rows of seats.
macro_rules! look {
    ($columns:literal, $seats:literal) => {
        concat!(
            "select section_no::int, row_no::int, ",
            $columns,
            "array_agg(number order by number) as numbers, array_agg(place order by number) as places,
            array_agg(cost order by number) as costs, array_agg(accessible order by number) as accessible,
            string_agg(state, '' order by number) as states
            from (
                select k.section_no, k.row_no, k.number, k.place, k.cost, k.accessible, ",
            state!(),
            " as state from ",
            $seats,
            "
            ) seats
            group by section_no, row_no order by section_no, row_no"
        )
    };
}

const LOOK_SQL: &str = look!("", "seat_stock k where k.ticket_type_id = $1");

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

/// The numbers of the seats of the rows in which the seats `$2` are.
macro_rules! of_lines {
    () => {
        "(select s.number
          from seat_stock chosen join seat_stock s on s.number between chosen.row_first and chosen.row_last
          where chosen.ticket_type_id = $1 and s.ticket_type_id = $1 and chosen.number = any($2))"
    };
}

// A few rows are read as ranges of the primary key, whatever the planner thinks of their size.
const LOOK_AT_LINES_SQL: &str = look!(
    "not exists (select from seat_stock o where o.ticket_type_id = $1 and not o.accessible and not o.sold) as are_opened, ",
    "(select distinct row_first, row_last from seat_stock where ticket_type_id = $1 and number = any($3)) l
     cross join lateral (
         select * from seat_stock s where s.ticket_type_id = $1 and s.number between l.row_first and l.row_last offset 0
     ) k"
);

/// The rows in which some seats are, as they stand, and whether seats for people who need them may be given to everybody.
async fn look_at_lines(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    seats: &[SeatNumber],
    now: Timestamp,
) -> Result<(Vec<Line>, bool)> {
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner(), INT4_ARRAY: numbers(seats)];
    let rows = tx.query_typed(LOOK_AT_LINES_SQL, params).await?;
    let are_opened = rows.first().map_or(Ok(false), |row| row.col("are_opened"))?;
    let lines = rows.iter().map(read_line).collect::<Result<_>>()?;
    Ok((lines, are_opened))
}

const CHOSEN_SQL: &str = "
    select k.number, k.accessible, m.no_single_seats
    from seat_stock k join ticket_types t on t.id = k.ticket_type_id join seat_maps m on m.event_id = t.event_id
    where k.ticket_type_id = $1 and k.number = any($2)";

const LOCK_LINES_SQL: &str = concat!(
    "select number from seat_stock
    where ticket_type_id = $1 and held_until is null and not sold and number in ",
    of_lines!(),
    " order by number for no key update"
);

const FREE_LINES_SQL: &str = concat!(
    "with late as materialized (
        select number from seat_stock
        where ticket_type_id = $1 and not holder_is_order and held_until <= $3 and number in ",
    of_lines!(),
    " order by number for no key update skip locked
    )
    update seat_stock k set holder_id = null, held_until = null
    from late l where k.ticket_type_id = $1 and k.number = l.number"
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
    let choice = Choice {
        seats,
        own,
        accessible,
        no_singles,
    };
    if (no_singles || is_kept)
        && let Err(refused) = check(tx, claim.ticket_type, choice, now).await?
    {
        return Ok(Err(refused));
    }
    take(tx, claim, seats, now).await
}

/// Whether a choice may be taken. With a rule against single seats, what is free in its rows is kept, so that what is left beside it
/// is not chosen by somebody else meanwhile.
async fn check(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    choice: Choice<'_>,
    now: Timestamp,
) -> Result<Result<(), ChoiceError>> {
    if choice.no_singles {
        lock_lines(tx, ticket_type, choice.seats, now).await?;
    }
    let around = [choice.seats, choice.own].concat();
    let (mut lines, mut are_opened) = look_at_lines(tx, ticket_type, &around, now).await?;
    if choice.leaves_single(&lines, are_opened) {
        // Whether it had to be is said by all the rows.
        lines = look(tx.client(), ticket_type, now).await?;
        are_opened = seating::are_opened(&lines);
    }
    Ok(choice.check(&lines, are_opened))
}

/// Keeps what is free in the rows of some seats. What carts have kept there for too long is given back first: it would be taken over
/// without a look at this lock.
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

// All runs of neighbours that have one of the best seats are in it, with as many beside them as tell what they leave (`$4`).
const LOOK_NEAR_SQL: &str = concat!(
    "with near as materialized (
        select number, row_first, row_last, cost from seat_stock
        where ticket_type_id = $1 and held_until is null and not sold order by cost limit $3
    ) ",
    look!(
        "(select max(cost) from near) as reach, (select count(*) from near) as count, ",
        "(select greatest(row_first, min(number) - $4) as first, least(row_last, max(number) + $4) as last
          from near group by row_first, row_last) l
         cross join lateral (
             select * from seat_stock s where s.ticket_type_id = $1 and s.number between l.first and l.last offset 0
         ) k"
    )
);

/// How many of the best free seats are looked at, with those beside them; and by how much seats may be worse than the best to
/// be as good, in hundredths of the width of a seat, for each try. The more others were quicker, the wider a crowd spreads. Without
/// a number all seats are looked at.
const LOOKS: [(Option<i64>, &[i32]); 3] = [
    (Some(32), &[75, 200, 400]),
    (Some(256), &[400, 1_000, 2_000, 4_000]),
    (None, &[2_000, 4_000, 10_000, i32::MAX, i32::MAX]),
];

/// What was seen, and how to choose from it.
struct Seen {
    lines: Vec<Line>,
    /// The least cost of a free seat that was not seen; `None` if all were.
    reach: Option<i32>,
}

impl Seen {
    /// Looks at this many of the best seats and those beside them, or at all.
    async fn look(
        tx: &Transaction<'_>,
        ticket_type: TicketTypeId,
        near: Option<i64>,
        quantity: u32,
        now: Timestamp,
    ) -> Result<Self> {
        let Some(limit) = near else {
            let lines = look(tx.client(), ticket_type, now).await?;
            return Ok(Self { lines, reach: None });
        };
        let beside = int(quantity).saturating_add(1);
        let params = params![
            INT8: ticket_type.get(), TIMESTAMPTZ: now.inner(), INT8: limit, INT4: beside,
        ];
        let rows = tx.query_typed(LOOK_NEAR_SQL, params).await?;
        let mut reach = i32::MAX;
        if let Some(first) = rows.first()
            && first.col::<i64>("count")? == limit
        {
            reach = first.col("reach")?;
        }
        Ok(Self {
            lines: rows.iter().map(read_line).collect::<Result<_>>()?,
            reach: Some(reach),
        })
    }

    fn best(&self, wish: Wish, pick: Pick<'_>) -> Option<Vec<SeatNumber>> {
        match self.reach {
            Some(reach) => seating::best_near(&self.lines, reach, wish, pick),
            None => seating::best(&self.lines, wish, pick),
        }
    }

    /// Others are about to take these.
    fn cross_out(&mut self, gone: &[SeatNumber]) {
        for seat in self.lines.iter_mut().flat_map(|line| &mut line.seats) {
            if gone.contains(&seat.number) {
                seat.state = State::Held;
            }
        }
    }
}

const LEFT_SQL: &str = concat!(
    "select accessible, count(*) filter (where state = 'f')::int as free, count(*) filter (where state = 'h')::int as held,
            min(held_until) filter (where state = 'h') as retry_at
    from (
        select k.accessible, k.held_until, ",
    state!(),
    " as state from seat_stock k where k.ticket_type_id = $1 and not k.sold
    ) seats
    group by accessible order by accessible"
);

/// What of a ticket type somebody could still get.
#[derive(Default)]
struct Left {
    free: u32,
    held: u32,
    /// When the next of the held ones may be free.
    retry_at: Option<Timestamp>,
}

impl Left {
    async fn count(
        tx: &Transaction<'_>,
        ticket_type: TicketTypeId,
        accessible: bool,
        now: Timestamp,
    ) -> Result<Self> {
        let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
        let mut left = Self::default();
        for row in &tx.query_typed(LEFT_SQL, params).await? {
            // Ordinary seats come first; without any, those for people who need them are everybody's.
            let is_kept = row.col("accessible")? && !accessible && left.free + left.held > 0;
            if is_kept {
                continue;
            }
            left.free += row.count("free")?;
            left.held += row.count("held")?;
            left.retry_at = [left.retry_at, row.time_opt("retry_at")?]
                .into_iter()
                .flatten()
                .min();
        }
        Ok(left)
    }

    fn refusal(self) -> StockError {
        let Self {
            free: left, retry_at, ..
        } = self;
        match self.held {
            0 => StockError::SoldOut { left },
            _ => StockError::HeldByOthers { left, retry_at },
        }
    }
}

/// How many seats of a ticket type anybody could have at this moment, whoever waits for them.
pub async fn free(tx: &Transaction<'_>, ticket_type: TicketTypeId, now: Timestamp) -> Result<u32> {
    Ok(Left::count(tx, ticket_type, false, now).await?.free)
}

const LOCK_FREE_SQL: &str = "
    select number from seat_stock where ticket_type_id = $1 and held_until is null and not sold
    order by number for no key update";

const SAVEPOINT_SQL: &str = "savepoint best_seats";
const UNDO_SQL: &str = "rollback to savepoint best_seats";

/// Draws a number below the one it is given.
pub type Pick<'a> = &'a mut (dyn FnMut(u32) -> u32 + Send);

/// Takes the best seats that can be had, all or nothing. Returns them.
///
/// What is free is looked at without a lock, first only near the best free seats, and what is chosen is taken by one statement that
/// does not wait: of two who chose the same seats, one crosses them out and draws from more. At last everything that is free is
/// locked, so it is nobody's turn for ever. Only a look at all seats, which sees one state of the database, says that there is not
/// enough.
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
    if is_for_the_line(tx, claim).await? {
        return Ok(Err(StockError::WaitedFor));
    }
    let params = params![INT8: claim.ticket_type.get()];
    let rule = tx.query_typed_opt(RULE_SQL, params).await?;
    let no_singles = rule.map_or(Ok(false), |row| row.col("no_single_seats"))?;
    let mut wish = Wish {
        quantity,
        accessible,
        no_singles,
        tolerance: 0,
    };
    // Seats for people who need them may be anywhere.
    let looks = LOOKS
        .into_iter()
        .filter(|(near, _)| near.is_none() || !accessible);
    for (near, tolerances) in looks {
        if near.is_none() {
            if is_for_the_line(tx, claim).await? {
                return Ok(Err(StockError::WaitedFor));
            }
            // Most of a crowd hears that there is not enough, and that is quickly counted.
            let left = Left::count(tx, claim.ticket_type, accessible, now).await?;
            if left.free < quantity {
                return Ok(Err(left.refusal()));
            }
        }
        let mut seen = Seen::look(tx, claim.ticket_type, near, quantity, now).await?;
        for (number, tolerance) in tolerances.iter().enumerate() {
            wish.tolerance = *tolerance;
            let Some(seats) = seen.best(wish, pick) else {
                if near.is_none() && number == 0 {
                    return refusal(tx, claim.ticket_type, &seen.lines, wish, now)
                        .await
                        .map(Err);
                }
                break;
            };
            let gone = try_best(tx, claim, &seats, wish, now).await?;
            if gone.is_empty() {
                return Ok(Ok(seats));
            }
            seen.cross_out(&gone);
        }
    }
    let params = params![INT8: claim.ticket_type.get()];
    tx.query_typed(LOCK_FREE_SQL, params).await?;
    wish.tolerance = 0;
    let lines = look(tx.client(), claim.ticket_type, now).await?;
    if let Some(seats) = seating::best(&lines, wish, pick)
        && take(tx, claim, &seats, now).await?.is_ok()
    {
        return Ok(Ok(seats));
    }
    refusal(tx, claim.ticket_type, &lines, wish, now).await.map(Err)
}

/// Why there are not enough seats: what was seen is what is told.
async fn refusal(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    lines: &[Line],
    wish: Wish,
    now: Timestamp,
) -> Result<StockError> {
    let mut seen = Left::count(tx, ticket_type, wish.accessible, now).await?;
    (seen.free, seen.held) = seating::left(lines, wish.accessible);
    Ok(seen.refusal())
}

/// Takes the best seats for a line of an order and writes them down.
///
/// # Errors
/// Why there are not enough; or if the database does not answer.
pub async fn order_best(
    tx: &Transaction<'_>,
    line: OrderItemId,
    sale: &ForSale,
    quantity: u32,
    until: Timestamp,
    now: Timestamp,
    pick: Pick<'_>,
) -> domain::Result<()> {
    let claim = Claim {
        owner: Owner::Order(line),
        ticket_type: sale.id,
        until,
        passes: !sale.has_line,
    };
    let seats = take_best(tx, claim, quantity, false, now, pick).await??;
    Ok(orders::set_seats(tx, line, &seats).await?)
}

/// Takes what was chosen out of a look that is over, if nobody was quicker. Returns the seats that stood in the way; nothing was taken
/// then.
async fn try_best(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    wish: Wish,
    now: Timestamp,
) -> Result<Vec<SeatNumber>> {
    if wish.no_singles {
        tx.execute_typed(SAVEPOINT_SQL, params![]).await?;
        let choice = Choice {
            seats,
            own: &[],
            accessible: wish.accessible,
            no_singles: true,
        };
        // Beside it nobody may have chosen anything since.
        if check(tx, claim.ticket_type, choice, now).await?.is_err() {
            tx.execute_typed(UNDO_SQL, params![]).await?;
            return Ok(seats.to_vec());
        }
    }
    let (holder, is_order) = claim.owner.holder();
    let params = params![
        INT8: claim.ticket_type.get(), INT4_ARRAY: numbers(seats), INT8: holder, BOOL: is_order,
        TIMESTAMPTZ: claim.until.inner(), BOOL: claim.passes, TIMESTAMPTZ: now.inner(),
    ];
    // Of several, some may be taken and others not, so that can be undone. Both are sent before either is waited for.
    let taken = if wish.no_singles || seats.len() == 1 {
        tx.query_typed(TAKE_AT_ONCE_SQL, params).await?
    } else {
        let (marked, taken) = tokio::join!(
            biased;
            tx.execute_typed(SAVEPOINT_SQL, params![]),
            tx.query_typed(TAKE_AT_ONCE_SQL, params)
        );
        marked?;
        taken?
    };
    let missing = without(seats, &taken)?;
    if !missing.is_empty() && (wish.no_singles || seats.len() > 1) {
        tx.execute_typed(UNDO_SQL, params![]).await?;
    }
    Ok(missing)
}

const HELD_SQL: &str = "
    select number from seat_stock where holder_id = $1 and holder_is_order = $2 order by number";

/// The seats that an owner holds, and has locked.
pub async fn held(tx: &Transaction<'_>, owner: Owner) -> Result<Vec<SeatNumber>> {
    let (holder, is_order) = owner.holder();
    let rows = tx
        .query_typed(HELD_SQL, params![INT8: holder, BOOL: is_order])
        .await?;
    let numbers = rows.iter().map(|row| row.col("number").map(SeatNumber::new));
    numbers.collect()
}

const RELEASE_SQL: &str = "
    update seat_stock set holder_id = null, held_until = null
    where holder_id = $1 and not holder_is_order and number = any($2)";

/// Gives back some of the seats that a row of a cart holds, and has locked.
pub async fn release(tx: &Transaction<'_>, item: CartItemId, seats: &[SeatNumber]) -> Result<()> {
    if seats.is_empty() {
        return Ok(());
    }
    let params = params![INT8: item.get(), INT4_ARRAY: numbers(seats)];
    tx.execute_typed(RELEASE_SQL, params).await?;
    Ok(())
}

/// Gives back seats that carts have kept for too long.
macro_rules! release_expired {
    ($which:literal) => {
        concat!(
            "with late as materialized (
                select ticket_type_id, number from seat_stock where holder_id is not null and not holder_is_order and ",
            $which,
            " for no key update skip locked
            )
            update seat_stock k set holder_id = null, held_until = null
            from late l where k.ticket_type_id = l.ticket_type_id and k.number = l.number"
        )
    };
}

const RELEASE_EXPIRED_SQL: &str = release_expired!("held_until <= $1 limit $2");
const RELEASE_EXPIRED_OF_TYPE_SQL: &str = release_expired!("ticket_type_id = $1 and held_until <= $2");

/// Gives back seats that carts have kept for too long, at most `limit` of them. Returns how many.
pub(crate) async fn release_expired(tx: &Transaction<'_>, now: Timestamp, limit: u32) -> Result<u64> {
    let params = params![TIMESTAMPTZ: now.inner(), INT8: i64::from(limit)];
    Ok(tx.execute_typed(RELEASE_EXPIRED_SQL, params).await?)
}

/// The same for all of a ticket type.
pub(crate) async fn release_expired_of_type(
    tx: &Transaction<'_>,
    ticket_type: TicketTypeId,
    now: Timestamp,
) -> Result<()> {
    let params = params![INT8: ticket_type.get(), TIMESTAMPTZ: now.inner()];
    tx.execute_typed(RELEASE_EXPIRED_OF_TYPE_SQL, params).await?;
    Ok(())
}

const UNSELL_SQL: &str = "
    with back as materialized (
        select k.ticket_type_id, k.number
        from issued_tickets t join seat_stock k on k.ticket_type_id = t.ticket_type_id and k.number = t.seat
        where t.id = any($1) order by k.ticket_type_id, k.number for no key update of k
    )
    update seat_stock k set sold = false from back b where k.ticket_type_id = b.ticket_type_id and k.number = b.number";

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
    select s.ticket_type_id, s.number, s.section, s.row_label, s.label, k.accessible
    from unnest($1::bigint[], $2::int[]) as wanted (ticket_type_id, number)
    join seats s using (ticket_type_id, number) join seat_stock k using (ticket_type_id, number)
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
    rows.iter().map(read_place).collect()
}

const OF_ORDERS_SQL: &str = "
    select i.order_id, s.ticket_type_id, s.number, s.section, s.row_label, s.label, k.accessible
    from order_items i cross join lateral unnest(i.seats) as wanted (number)
    join seats s on s.ticket_type_id = i.ticket_type_id and s.number = wanted.number
    join seat_stock k on k.ticket_type_id = s.ticket_type_id and k.number = s.number
    where i.order_id = any($1) order by i.order_id, s.ticket_type_id, s.number";

/// Where the seats of some orders are; those of a map that is gone are left out.
pub async fn of_orders(db: &Client, orders: &[OrderId]) -> Result<Vec<(OrderId, Place)>> {
    let ids: Vec<i64> = orders.iter().map(|id| id.get()).collect();
    let rows = db.query_typed(OF_ORDERS_SQL, params![INT8_ARRAY: ids]).await?;
    rows.iter()
        .map(|row| Ok((row.id("order_id", OrderId::new)?, read_place(row)?)))
        .collect()
}

fn read_place(row: &Row) -> Result<Place> {
    Ok(Place {
        number: SeatNumber::new(row.col("number")?),
        ticket_type: row.id("ticket_type_id", TicketTypeId::new)?,
        section: row.col("section")?,
        row: row.col("row_label")?,
        label: row.col("label")?,
        accessible: row.col("accessible")?,
    })
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
