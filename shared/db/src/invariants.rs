//! What must hold at every moment: the queries of `infra/chaos/invariants`, each of which finds what breaks one rule and no row
//! when all is well. The janitor runs them by the hour, the tests of this crate after their races, and the acceptance tests at the
//! end of their run. They stand in files of their own, so that people can run them with `psql`, too.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use tokio_postgres::{Client, Row};

const CANCELLED_EVENTS_LET_NOBODY_IN_SQL: &str =
    include_str!("../../../infra/chaos/invariants/cancelled_events_let_nobody_in.sql");
const HELD_IS_IN_HOLDS_SQL: &str = include_str!("../../../infra/chaos/invariants/held_is_in_holds.sql");
const HOLDS_END_SQL: &str = include_str!("../../../infra/chaos/invariants/holds_end.sql");
const LATE_MONEY_GOES_BACK_SQL: &str =
    include_str!("../../../infra/chaos/invariants/late_money_goes_back.sql");
const LEDGER_KNOWS_EVERY_PAYMENT_SQL: &str =
    include_str!("../../../infra/chaos/invariants/ledger_knows_every_payment.sql");
const MESSAGES_LEAVE_SQL: &str = include_str!("../../../infra/chaos/invariants/messages_leave.sql");
const MONEY_IS_NOT_FORGOTTEN_SQL: &str =
    include_str!("../../../infra/chaos/invariants/money_is_not_forgotten.sql");
const ONLY_PENDING_ORDERS_HOLD_SQL: &str =
    include_str!("../../../infra/chaos/invariants/only_pending_orders_hold.sql");
const ORDERS_ADD_UP_SQL: &str = include_str!("../../../infra/chaos/invariants/orders_add_up.sql");
const PAID_UNITS_HAVE_TICKETS_SQL: &str =
    include_str!("../../../infra/chaos/invariants/paid_units_have_tickets.sql");
const PAYMENT_AND_ORDER_AGREE_SQL: &str =
    include_str!("../../../infra/chaos/invariants/payment_and_order_agree.sql");
const PAYMENT_SAYS_WHAT_WENT_BACK_SQL: &str =
    include_str!("../../../infra/chaos/invariants/payment_says_what_went_back.sql");
const POSTINGS_BALANCE_SQL: &str = include_str!("../../../infra/chaos/invariants/postings_balance.sql");
const PROMOS_COUNT_THEIR_USE_SQL: &str =
    include_str!("../../../infra/chaos/invariants/promos_count_their_use.sql");
const REFUND_PARTS_ADD_UP_SQL: &str = include_str!("../../../infra/chaos/invariants/refund_parts_add_up.sql");
const REFUNDS_ARE_POSTED_SQL: &str = include_str!("../../../infra/chaos/invariants/refunds_are_posted.sql");
const REFUNDS_GO_ON_SQL: &str = include_str!("../../../infra/chaos/invariants/refunds_go_on.sql");
const REFUNDS_WITHIN_THE_PAYMENT_SQL: &str =
    include_str!("../../../infra/chaos/invariants/refunds_within_the_payment.sql");
const REFUNDS_WITHIN_THE_TAKINGS_SQL: &str =
    include_str!("../../../infra/chaos/invariants/refunds_within_the_takings.sql");
const SOLD_IS_IN_TICKETS_SQL: &str = include_str!("../../../infra/chaos/invariants/sold_is_in_tickets.sql");
const STEPS_FOLLOW_EACH_OTHER_SQL: &str =
    include_str!("../../../infra/chaos/invariants/steps_follow_each_other.sql");
const STOCK_WITHIN_CAPACITY_SQL: &str =
    include_str!("../../../infra/chaos/invariants/stock_within_capacity.sql");
const STRIPES_MAKE_THE_CAPACITY_SQL: &str =
    include_str!("../../../infra/chaos/invariants/stripes_make_the_capacity.sql");
const TICKETS_BELONG_TO_THEIR_LINE_SQL: &str =
    include_str!("../../../infra/chaos/invariants/tickets_belong_to_their_line.sql");
const TICKETS_STAND_ON_A_PAYMENT_SQL: &str =
    include_str!("../../../infra/chaos/invariants/tickets_stand_on_a_payment.sql");
const TICKETS_TAKEN_BACK_ARE_VOID_SQL: &str =
    include_str!("../../../infra/chaos/invariants/tickets_taken_back_are_void.sql");

/// Most rows of one rule that are told.
const TOLD: usize = 20;

/// A rule that is broken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Breach {
    /// The rule: the name of its file.
    pub rule: &'static str,
    /// How many rows break it.
    pub count: usize,
    /// The first of them.
    pub rows: Vec<String>,
}

/// What is broken at this moment. Each rule is one statement, so it sees one state of the database, whatever goes on.
pub async fn breaches(db: &Client) -> Result<Vec<Breach>> {
    let mut found = Vec::new();
    note(
        &mut found,
        "cancelled_events_let_nobody_in",
        &db.query_typed(CANCELLED_EVENTS_LET_NOBODY_IN_SQL, params![])
            .await?,
    )?;
    note(
        &mut found,
        "held_is_in_holds",
        &db.query_typed(HELD_IS_IN_HOLDS_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "holds_end",
        &db.query_typed(HOLDS_END_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "late_money_goes_back",
        &db.query_typed(LATE_MONEY_GOES_BACK_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "ledger_knows_every_payment",
        &db.query_typed(LEDGER_KNOWS_EVERY_PAYMENT_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "messages_leave",
        &db.query_typed(MESSAGES_LEAVE_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "money_is_not_forgotten",
        &db.query_typed(MONEY_IS_NOT_FORGOTTEN_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "only_pending_orders_hold",
        &db.query_typed(ONLY_PENDING_ORDERS_HOLD_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "orders_add_up",
        &db.query_typed(ORDERS_ADD_UP_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "paid_units_have_tickets",
        &db.query_typed(PAID_UNITS_HAVE_TICKETS_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "payment_and_order_agree",
        &db.query_typed(PAYMENT_AND_ORDER_AGREE_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "payment_says_what_went_back",
        &db.query_typed(PAYMENT_SAYS_WHAT_WENT_BACK_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "postings_balance",
        &db.query_typed(POSTINGS_BALANCE_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "promos_count_their_use",
        &db.query_typed(PROMOS_COUNT_THEIR_USE_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "refund_parts_add_up",
        &db.query_typed(REFUND_PARTS_ADD_UP_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "refunds_are_posted",
        &db.query_typed(REFUNDS_ARE_POSTED_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "refunds_go_on",
        &db.query_typed(REFUNDS_GO_ON_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "refunds_within_the_payment",
        &db.query_typed(REFUNDS_WITHIN_THE_PAYMENT_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "refunds_within_the_takings",
        &db.query_typed(REFUNDS_WITHIN_THE_TAKINGS_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "sold_is_in_tickets",
        &db.query_typed(SOLD_IS_IN_TICKETS_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "steps_follow_each_other",
        &db.query_typed(STEPS_FOLLOW_EACH_OTHER_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "stock_within_capacity",
        &db.query_typed(STOCK_WITHIN_CAPACITY_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "stripes_make_the_capacity",
        &db.query_typed(STRIPES_MAKE_THE_CAPACITY_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "tickets_belong_to_their_line",
        &db.query_typed(TICKETS_BELONG_TO_THEIR_LINE_SQL, params![])
            .await?,
    )?;
    note(
        &mut found,
        "tickets_stand_on_a_payment",
        &db.query_typed(TICKETS_STAND_ON_A_PAYMENT_SQL, params![]).await?,
    )?;
    note(
        &mut found,
        "tickets_taken_back_are_void",
        &db.query_typed(TICKETS_TAKEN_BACK_ARE_VOID_SQL, params![]).await?,
    )?;
    Ok(found)
}

fn note(found: &mut Vec<Breach>, rule: &'static str, rows: &[Row]) -> Result<()> {
    if rows.is_empty() {
        return Ok(());
    }
    let told = rows.iter().take(TOLD).map(|row| row.col("breach"));
    found.push(Breach {
        rule,
        count: rows.len(),
        rows: told.collect::<Result<_>>()?,
    });
    Ok(())
}
