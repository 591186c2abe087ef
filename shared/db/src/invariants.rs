//! What must hold at every moment: the queries of `infra/chaos/invariants`, each of which finds what breaks one rule and no row
//! when all is well. The janitor runs them by the hour, tests after their races, and the acceptance tests at the end of their run.
//! They stand in files of their own, so that people can run them with `psql`, too.
//!
//! Rules about what stays for ever are asked slice by slice of what they are about, so that no statement grows with the platform.
//! Each slice is one statement, so it sees one state of the database, whatever goes on.

use crate::error::Result;
use crate::sql::{RowExt as _, params};
use tokio_postgres::{Client, Row};

const CANCELLED_EVENTS_LET_NOBODY_IN_SQL: &str =
    include_str!("../../../infra/chaos/invariants/cancelled_events_let_nobody_in.sql");
const CODES_OPEN_ONE_TICKET_SQL: &str =
    include_str!("../../../infra/chaos/invariants/codes_open_one_ticket.sql");
const HELD_IS_IN_HOLDS_SQL: &str = include_str!("../../../infra/chaos/invariants/held_is_in_holds.sql");
const HOLDS_END_SQL: &str = include_str!("../../../infra/chaos/invariants/holds_end.sql");
const LATE_MONEY_GOES_BACK_SQL: &str =
    include_str!("../../../infra/chaos/invariants/late_money_goes_back.sql");
const LEDGER_KNOWS_EVERY_PAYMENT_SQL: &str =
    include_str!("../../../infra/chaos/invariants/ledger_knows_every_payment.sql");
const LINES_GO_ON_SQL: &str = include_str!("../../../infra/chaos/invariants/lines_go_on.sql");
const MESSAGES_LEAVE_SQL: &str = include_str!("../../../infra/chaos/invariants/messages_leave.sql");
const MONEY_IS_NOT_FORGOTTEN_SQL: &str =
    include_str!("../../../infra/chaos/invariants/money_is_not_forgotten.sql");
const OFFERS_ARE_KEPT_SQL: &str = include_str!("../../../infra/chaos/invariants/offers_are_kept.sql");
const OFFERS_ARE_OF_GOOD_TICKETS_SQL: &str =
    include_str!("../../../infra/chaos/invariants/offers_are_of_good_tickets.sql");
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
const SEATS_HAVE_ONE_OWNER_SQL: &str =
    include_str!("../../../infra/chaos/invariants/seats_have_one_owner.sql");
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
const TRANSFERS_MAKE_PAYMENTS_SQL: &str =
    include_str!("../../../infra/chaos/invariants/transfers_make_payments.sql");
const USED_TICKETS_WERE_LET_IN_SQL: &str =
    include_str!("../../../infra/chaos/invariants/used_tickets_were_let_in.sql");

const NEWEST_ORDER_SQL: &str = "select max(id) as id from orders";
const NEWEST_PAYMENT_SQL: &str = "select max(id) as id from payments";
const NEWEST_REFUND_SQL: &str = "select max(id) as id from refunds";
const NEWEST_POSTING_SQL: &str = "select max(id) as id from ledger_postings";
const NEWEST_ISSUED_TICKET_SQL: &str = "select max(id) as id from issued_tickets";
const NEWEST_TICKET_TYPE_SQL: &str = "select max(id) as id from ticket_types";
const NEWEST_PROMO_SQL: &str = "select max(id) as id from promo_codes";

/// A rule: the file of its name.
#[expect(missing_docs, reason = "each says what its file says")]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rule {
    CancelledEventsLetNobodyIn,
    CodesOpenOneTicket,
    HeldIsInHolds,
    HoldsEnd,
    LateMoneyGoesBack,
    LedgerKnowsEveryPayment,
    LinesGoOn,
    MessagesLeave,
    MoneyIsNotForgotten,
    OffersAreKept,
    OffersAreOfGoodTickets,
    OnlyPendingOrdersHold,
    OrdersAddUp,
    PaidUnitsHaveTickets,
    PaymentAndOrderAgree,
    PaymentSaysWhatWentBack,
    PostingsBalance,
    PromosCountTheirUse,
    RefundPartsAddUp,
    RefundsArePosted,
    RefundsGoOn,
    RefundsWithinThePayment,
    RefundsWithinTheTakings,
    SeatsHaveOneOwner,
    SoldIsInTickets,
    StepsFollowEachOther,
    StockWithinCapacity,
    StripesMakeTheCapacity,
    TicketsBelongToTheirLine,
    TicketsStandOnAPayment,
    TicketsTakenBackAreVoid,
    TransfersMakePayments,
    UsedTicketsWereLetIn,
}

/// What a rule is asked about slice by slice.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Orders.
    Orders,
    /// Payments.
    Payments,
    /// Refunds.
    Refunds,
    /// Postings of the ledger.
    Postings,
    /// Tickets that were issued.
    IssuedTickets,
    /// Ticket types, each with all its stripes and tickets.
    TicketTypes,
    /// Promo codes, each with all its redemptions.
    Promos,
}

impl Rule {
    /// All rules.
    pub const ALL: [Self; 33] = [
        Self::CancelledEventsLetNobodyIn,
        Self::CodesOpenOneTicket,
        Self::HeldIsInHolds,
        Self::HoldsEnd,
        Self::LateMoneyGoesBack,
        Self::LedgerKnowsEveryPayment,
        Self::LinesGoOn,
        Self::MessagesLeave,
        Self::MoneyIsNotForgotten,
        Self::OffersAreKept,
        Self::OffersAreOfGoodTickets,
        Self::OnlyPendingOrdersHold,
        Self::OrdersAddUp,
        Self::PaidUnitsHaveTickets,
        Self::PaymentAndOrderAgree,
        Self::PaymentSaysWhatWentBack,
        Self::PostingsBalance,
        Self::PromosCountTheirUse,
        Self::RefundPartsAddUp,
        Self::RefundsArePosted,
        Self::RefundsGoOn,
        Self::RefundsWithinThePayment,
        Self::RefundsWithinTheTakings,
        Self::SeatsHaveOneOwner,
        Self::SoldIsInTickets,
        Self::StepsFollowEachOther,
        Self::StockWithinCapacity,
        Self::StripesMakeTheCapacity,
        Self::TicketsBelongToTheirLine,
        Self::TicketsStandOnAPayment,
        Self::TicketsTakenBackAreVoid,
        Self::TransfersMakePayments,
        Self::UsedTicketsWereLetIn,
    ];

    /// The name of its file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CancelledEventsLetNobodyIn => "cancelled_events_let_nobody_in",
            Self::CodesOpenOneTicket => "codes_open_one_ticket",
            Self::HeldIsInHolds => "held_is_in_holds",
            Self::HoldsEnd => "holds_end",
            Self::LateMoneyGoesBack => "late_money_goes_back",
            Self::LedgerKnowsEveryPayment => "ledger_knows_every_payment",
            Self::LinesGoOn => "lines_go_on",
            Self::MessagesLeave => "messages_leave",
            Self::MoneyIsNotForgotten => "money_is_not_forgotten",
            Self::OffersAreKept => "offers_are_kept",
            Self::OffersAreOfGoodTickets => "offers_are_of_good_tickets",
            Self::OnlyPendingOrdersHold => "only_pending_orders_hold",
            Self::OrdersAddUp => "orders_add_up",
            Self::PaidUnitsHaveTickets => "paid_units_have_tickets",
            Self::PaymentAndOrderAgree => "payment_and_order_agree",
            Self::PaymentSaysWhatWentBack => "payment_says_what_went_back",
            Self::PostingsBalance => "postings_balance",
            Self::PromosCountTheirUse => "promos_count_their_use",
            Self::RefundPartsAddUp => "refund_parts_add_up",
            Self::RefundsArePosted => "refunds_are_posted",
            Self::RefundsGoOn => "refunds_go_on",
            Self::RefundsWithinThePayment => "refunds_within_the_payment",
            Self::RefundsWithinTheTakings => "refunds_within_the_takings",
            Self::SeatsHaveOneOwner => "seats_have_one_owner",
            Self::SoldIsInTickets => "sold_is_in_tickets",
            Self::StepsFollowEachOther => "steps_follow_each_other",
            Self::StockWithinCapacity => "stock_within_capacity",
            Self::StripesMakeTheCapacity => "stripes_make_the_capacity",
            Self::TicketsBelongToTheirLine => "tickets_belong_to_their_line",
            Self::TicketsStandOnAPayment => "tickets_stand_on_a_payment",
            Self::TicketsTakenBackAreVoid => "tickets_taken_back_are_void",
            Self::TransfersMakePayments => "transfers_make_payments",
            Self::UsedTicketsWereLetIn => "used_tickets_were_let_in",
        }
    }

    /// What it is asked about slice by slice; `None` if it reads only what is soon gone and has an index.
    pub const fn subject(self) -> Option<Subject> {
        match self {
            Self::CancelledEventsLetNobodyIn
            | Self::CodesOpenOneTicket
            | Self::OffersAreOfGoodTickets
            | Self::TicketsBelongToTheirLine
            | Self::TicketsStandOnAPayment
            | Self::UsedTicketsWereLetIn => Some(Subject::IssuedTickets),
            Self::HeldIsInHolds
            | Self::SeatsHaveOneOwner
            | Self::SoldIsInTickets
            | Self::StockWithinCapacity
            | Self::StripesMakeTheCapacity => Some(Subject::TicketTypes),
            Self::HoldsEnd
            | Self::LinesGoOn
            | Self::MessagesLeave
            | Self::OffersAreKept
            | Self::OnlyPendingOrdersHold
            | Self::RefundsGoOn => None,
            Self::LateMoneyGoesBack
            | Self::OrdersAddUp
            | Self::PaidUnitsHaveTickets
            | Self::PaymentAndOrderAgree
            | Self::RefundsWithinTheTakings => Some(Subject::Orders),
            Self::LedgerKnowsEveryPayment
            | Self::MoneyIsNotForgotten
            | Self::PaymentSaysWhatWentBack
            | Self::RefundsWithinThePayment
            | Self::StepsFollowEachOther
            | Self::TransfersMakePayments => Some(Subject::Payments),
            Self::PostingsBalance => Some(Subject::Postings),
            Self::PromosCountTheirUse => Some(Subject::Promos),
            Self::RefundPartsAddUp | Self::RefundsArePosted | Self::TicketsTakenBackAreVoid => {
                Some(Subject::Refunds)
            }
        }
    }
}

/// Ids after the first, up to and with the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slice {
    /// The ids begin after this one.
    pub after: i64,
    /// The last of them.
    pub until: i64,
}

impl Slice {
    /// Everything.
    pub const ALL: Self = Self {
        after: 0,
        until: i64::MAX,
    };
}

/// The largest id of a subject; 0 if there is none.
pub async fn newest(db: &Client, subject: Subject) -> Result<i64> {
    let sql = match subject {
        Subject::Orders => NEWEST_ORDER_SQL,
        Subject::Payments => NEWEST_PAYMENT_SQL,
        Subject::Refunds => NEWEST_REFUND_SQL,
        Subject::Postings => NEWEST_POSTING_SQL,
        Subject::IssuedTickets => NEWEST_ISSUED_TICKET_SQL,
        Subject::TicketTypes => NEWEST_TICKET_TYPE_SQL,
        Subject::Promos => NEWEST_PROMO_SQL,
    };
    let row = db.query_typed_one(sql, params![]).await?;
    Ok(row.col::<Option<i64>>("id")?.unwrap_or(0))
}

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

/// How a slice breaks a rule, if it does. A rule without a subject looks at everything it knows whatever the slice.
pub async fn breach(db: &Client, rule: Rule, slice: Slice) -> Result<Option<Breach>> {
    let rows = rows(db, rule, slice).await?;
    if rows.is_empty() {
        return Ok(None);
    }
    let told = rows.iter().take(TOLD).map(|row| row.col("breach"));
    Ok(Some(Breach {
        rule: rule.name(),
        count: rows.len(),
        rows: told.collect::<Result<_>>()?,
    }))
}

async fn rows(db: &Client, rule: Rule, slice: Slice) -> Result<Vec<Row>> {
    let ids = params![INT8: slice.after, INT8: slice.until];
    let rows = match rule {
        Rule::CancelledEventsLetNobodyIn => db.query_typed(CANCELLED_EVENTS_LET_NOBODY_IN_SQL, ids).await,
        Rule::CodesOpenOneTicket => db.query_typed(CODES_OPEN_ONE_TICKET_SQL, ids).await,
        Rule::HeldIsInHolds => db.query_typed(HELD_IS_IN_HOLDS_SQL, ids).await,
        Rule::HoldsEnd => db.query_typed(HOLDS_END_SQL, params![]).await,
        Rule::LateMoneyGoesBack => db.query_typed(LATE_MONEY_GOES_BACK_SQL, ids).await,
        Rule::LedgerKnowsEveryPayment => db.query_typed(LEDGER_KNOWS_EVERY_PAYMENT_SQL, ids).await,
        Rule::LinesGoOn => db.query_typed(LINES_GO_ON_SQL, params![]).await,
        Rule::MessagesLeave => db.query_typed(MESSAGES_LEAVE_SQL, params![]).await,
        Rule::MoneyIsNotForgotten => db.query_typed(MONEY_IS_NOT_FORGOTTEN_SQL, ids).await,
        Rule::OffersAreKept => db.query_typed(OFFERS_ARE_KEPT_SQL, params![]).await,
        Rule::OffersAreOfGoodTickets => db.query_typed(OFFERS_ARE_OF_GOOD_TICKETS_SQL, ids).await,
        Rule::OnlyPendingOrdersHold => db.query_typed(ONLY_PENDING_ORDERS_HOLD_SQL, params![]).await,
        Rule::OrdersAddUp => db.query_typed(ORDERS_ADD_UP_SQL, ids).await,
        Rule::PaidUnitsHaveTickets => db.query_typed(PAID_UNITS_HAVE_TICKETS_SQL, ids).await,
        Rule::PaymentAndOrderAgree => db.query_typed(PAYMENT_AND_ORDER_AGREE_SQL, ids).await,
        Rule::PaymentSaysWhatWentBack => db.query_typed(PAYMENT_SAYS_WHAT_WENT_BACK_SQL, ids).await,
        Rule::PostingsBalance => db.query_typed(POSTINGS_BALANCE_SQL, ids).await,
        Rule::PromosCountTheirUse => db.query_typed(PROMOS_COUNT_THEIR_USE_SQL, ids).await,
        Rule::RefundPartsAddUp => db.query_typed(REFUND_PARTS_ADD_UP_SQL, ids).await,
        Rule::RefundsArePosted => db.query_typed(REFUNDS_ARE_POSTED_SQL, ids).await,
        Rule::RefundsGoOn => db.query_typed(REFUNDS_GO_ON_SQL, params![]).await,
        Rule::RefundsWithinThePayment => db.query_typed(REFUNDS_WITHIN_THE_PAYMENT_SQL, ids).await,
        Rule::RefundsWithinTheTakings => db.query_typed(REFUNDS_WITHIN_THE_TAKINGS_SQL, ids).await,
        Rule::SeatsHaveOneOwner => db.query_typed(SEATS_HAVE_ONE_OWNER_SQL, ids).await,
        Rule::SoldIsInTickets => db.query_typed(SOLD_IS_IN_TICKETS_SQL, ids).await,
        Rule::StepsFollowEachOther => db.query_typed(STEPS_FOLLOW_EACH_OTHER_SQL, ids).await,
        Rule::StockWithinCapacity => db.query_typed(STOCK_WITHIN_CAPACITY_SQL, ids).await,
        Rule::StripesMakeTheCapacity => db.query_typed(STRIPES_MAKE_THE_CAPACITY_SQL, ids).await,
        Rule::TicketsBelongToTheirLine => db.query_typed(TICKETS_BELONG_TO_THEIR_LINE_SQL, ids).await,
        Rule::TicketsStandOnAPayment => db.query_typed(TICKETS_STAND_ON_A_PAYMENT_SQL, ids).await,
        Rule::TicketsTakenBackAreVoid => db.query_typed(TICKETS_TAKEN_BACK_ARE_VOID_SQL, ids).await,
        Rule::TransfersMakePayments => db.query_typed(TRANSFERS_MAKE_PAYMENTS_SQL, ids).await,
        Rule::UsedTicketsWereLetIn => db.query_typed(USED_TICKETS_WERE_LET_IN_SQL, ids).await,
    };
    Ok(rows?)
}

/// What is broken anywhere.
pub async fn breaches(db: &Client) -> Result<Vec<Breach>> {
    let mut found = Vec::new();
    for rule in Rule::ALL {
        found.extend(breach(db, rule, Slice::ALL).await?);
    }
    Ok(found)
}
