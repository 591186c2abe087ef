//! The best seats that are left.

use super::chosen::check;
use super::look::{Left, lines, look, look_at_lines, read_line, state};
use super::{Claim, is_for_the_line, take, take_at_once, without};
use crate::error::Result;
use crate::orders;
use crate::sql::{RowExt as _, params};
use crate::stock::Owner;
use crate::ticket_types::{ForSale, int};
use domain::cart::StockError;
use domain::seating::{self, Choice, ChoiceError, Line, SeatNumber, State, Wish};
use domain::{OrderItemId, TicketTypeId, Timestamp};
use tokio_postgres::Transaction;

const RULE_SQL: &str = "
    select m.no_single_seats from ticket_types t join seat_maps m on m.event_id = t.event_id where t.id = $1";

// All runs of neighbours that have one of the best seats are in it, with as many beside them as tell what they leave (`$4`).
const LOOK_NEAR_SQL: &str = concat!(
    "with near as materialized (
        select number, row_first, row_last, cost from seat_stock
        where ticket_type_id = $1 and held_until is null and not sold order by cost limit $3
    ) ",
    lines!(
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
}

/// Others are about to take these.
fn cross_out(lines: &mut [Line], gone: &[SeatNumber]) {
    for seat in lines.iter_mut().flat_map(|line| &mut line.seats) {
        if gone.contains(&seat.number) {
            seat.state = State::Held;
        }
    }
}

const LOCK_FREE_SQL: &str = "
    select number from seat_stock where ticket_type_id = $1 and held_until is null and not sold
    order by number for no key update";

const SAVEPOINT_SQL: &str = "savepoint best_seats";
const UNDO_SQL: &str = "rollback to savepoint best_seats";

/// Draws a number below the one it is given.
pub type Pick<'a> = &'a mut (dyn FnMut(u32) -> u32 + Send);

/// Who is to sit together.
#[derive(Debug, Clone, Copy)]
pub struct Group<'a> {
    /// How many seats are missing.
    pub quantity: u32,
    /// The seats that they have already.
    pub own: &'a [SeatNumber],
    /// Whether seats that are kept for people who need them are asked for.
    pub accessible: bool,
}

/// Takes the best seats that can be had, all or nothing: beside those that the group has, or else wherever they are. Returns them.
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
    group: Group<'_>,
    now: Timestamp,
    pick: Pick<'_>,
) -> Result<Result<Vec<SeatNumber>, StockError>> {
    let Group {
        quantity,
        own,
        accessible,
    } = group;
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
    if !own.is_empty() {
        let (mut lines, are_opened) = look_at_lines(tx, claim.ticket_type, own, now).await?;
        while let Some(seats) = seating::beside(&lines, are_opened, own, wish) {
            let gone = try_beside(tx, claim, &seats, own, wish, now).await?;
            if gone.is_empty() {
                return Ok(Ok(seats));
            }
            cross_out(&mut lines, &gone);
        }
    }
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
            cross_out(&mut seen.lines, &gone);
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
    let group = Group {
        quantity,
        own: &[],
        accessible: false,
    };
    let seats = take_best(tx, claim, group, now, pick).await??;
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
    let mut can_undo = wish.no_singles;
    if can_undo {
        tx.execute_typed(SAVEPOINT_SQL, params![]).await?;
        if !is_allowed(tx, claim, seats, &[], wish, now).await? {
            tx.execute_typed(UNDO_SQL, params![]).await?;
            return Ok(seats.to_vec());
        }
    }
    // Of several, some may be taken and others not, so that can be undone. Both are sent before either is waited for.
    let taken = if can_undo || seats.len() == 1 {
        take_at_once(tx, claim, seats, false, now).await?
    } else {
        can_undo = true;
        let (marked, taken) = tokio::join!(
            biased;
            tx.execute_typed(SAVEPOINT_SQL, params![]),
            take_at_once(tx, claim, seats, false, now)
        );
        marked?;
        taken?
    };
    let missing = without(seats, &taken)?;
    if can_undo && !missing.is_empty() {
        tx.execute_typed(UNDO_SQL, params![]).await?;
    }
    Ok(missing)
}

/// The same for seats beside those that a group has. Few want them, and whoever waits for them may get them, so they are waited for in
/// the order of all takers.
async fn try_beside(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    own: &[SeatNumber],
    wish: Wish,
    now: Timestamp,
) -> Result<Vec<SeatNumber>> {
    tx.execute_typed(SAVEPOINT_SQL, params![]).await?;
    let gone = if wish.no_singles && !is_allowed(tx, claim, seats, own, wish, now).await? {
        seats.to_vec()
    } else {
        match take(tx, claim, seats, now).await? {
            Ok(()) => return Ok(Vec::new()),
            Err(ChoiceError::Taken(seat)) => vec![seat],
            Err(_) => seats.to_vec(),
        }
    };
    tx.execute_typed(UNDO_SQL, params![]).await?;
    Ok(gone)
}

/// Whether seats may be taken under a rule against single ones: beside them somebody may have chosen others since they were looked at.
async fn is_allowed(
    tx: &Transaction<'_>,
    claim: Claim,
    seats: &[SeatNumber],
    own: &[SeatNumber],
    wish: Wish,
    now: Timestamp,
) -> Result<bool> {
    let choice = Choice {
        seats,
        own,
        accessible: wish.accessible,
        no_singles: true,
    };
    Ok(check(tx, claim.ticket_type, choice, now).await?.is_ok())
}
