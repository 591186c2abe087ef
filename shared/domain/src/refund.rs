//! Giving money back: what of a payment may be given back to whom, by which way, and when the gateway is asked again.
//!
//! A refund takes tickets back and gives money back, or gives money back without taking tickets (a gesture). What a ticket
//! is worth is its [`share`](crate::price::share) of what its line was charged, fee and tax included. The money comes out of
//! the takings of the events whose tickets they are, and never more than an event took in.

use crate::payment::PaymentStatus;
use crate::price::split;
use crate::text::texts;
use crate::time::Timestamp;
use crate::{Error, EventId, IssuedTicketId, RefundId, Rupiah};

texts! {
    /// Why money is given back; buyers and the gateway read it.
    RefundReason: 1..=200, "must not be empty";
    /// By which a transfer is found again at the bank.
    TransferReference: 1..=100, "must not be empty";
}

/// How many hours before an event its buyers may still give tickets back: at most a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct RefundHours(#[schemars(range(min = 0, max = 8760))] u32);

impl RefundHours {
    const MAX: i64 = 8_760;

    /// Hours.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for RefundHours {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let hours = crate::text::whole_number(input)?;
        let hours = u32::try_from(hours)
            .ok()
            .filter(|hours| i64::from(*hours) <= Self::MAX);
        hours
            .map(Self)
            .ok_or_else(|| serde::de::Error::custom(format!("must be between 0 and {}", Self::MAX)))
    }
}

/// Most tickets that one request names.
pub const MOST_TICKETS: usize = 1_000;

/// Where a refund stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RefundStatus {
    /// The gateway has to be asked, or asked again.
    Requested,
    /// The gateway cannot: people have to transfer it.
    Manual,
    /// The gateway gave it back.
    Succeeded,
    /// People transferred it.
    Done,
    /// Nothing was given back and nothing will be: the money went another way.
    Failed,
}

impl RefundStatus {
    /// Every status.
    pub const ALL: [Self; 5] = [
        Self::Requested,
        Self::Manual,
        Self::Succeeded,
        Self::Done,
        Self::Failed,
    ];

    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Requested => "requested",
            Self::Manual => "manual",
            Self::Succeeded => "succeeded",
            Self::Done => "done",
            Self::Failed => "failed",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }

    /// Whether the money has still to go.
    pub const fn is_open(self) -> bool {
        matches!(self, Self::Requested | Self::Manual)
    }

    /// Whether the money went.
    pub const fn gave_back(self) -> bool {
        matches!(self, Self::Succeeded | Self::Done)
    }
}

/// Why there is a refund.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// Somebody asked for it.
    Request,
    /// The money came when the tickets were gone, or the event called off.
    LatePayment,
    /// The event was called off.
    EventCancelled,
    /// It was made at the gateway, past this program.
    Gateway,
    /// The money came in another amount than was asked.
    WrongAmount,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 5] = [
        Self::Request,
        Self::LatePayment,
        Self::EventCancelled,
        Self::Gateway,
        Self::WrongAmount,
    ];

    /// As stored and shown.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::LatePayment => "late_payment",
            Self::EventCancelled => "event_cancelled",
            Self::Gateway => "gateway",
            Self::WrongAmount => "wrong_amount",
        }
    }

    /// The cause of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.as_str() == name)
    }
}

/// What a payment method gives back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Nothing: bank transfers and counters lead one way.
    None,
    /// All or nothing.
    Whole,
    /// Any part.
    Parts,
}

impl Way {
    /// What a method gives back, by the gateway's name of it (`payment_type`). Of one that is not known nothing is assumed: the
    /// gateway will say.
    ///
    /// Source: Midtrans, refund transaction. Of `shopeepay` two pages disagree; whole amounts work by both.
    pub fn of(method: &str) -> Self {
        match method {
            "bank_transfer" | "echannel" | "cstore" => Self::None,
            "shopeepay" | "ovo" => Self::Whole,
            _ => Self::Parts,
        }
    }

    /// Whether it gives back so much of what was paid.
    pub fn gives(self, amount: Rupiah, paid: Rupiah) -> bool {
        match self {
            Self::None => false,
            Self::Whole => amount == paid,
            Self::Parts => true,
        }
    }
}

/// Who wants money to be given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Somebody who runs the platform, or the platform itself.
    Admin,
    /// An organizer of an event that the order has tickets for.
    Organizer,
    /// Whoever paid.
    Buyer,
}

/// A ticket that was issued for an order and is not void.
#[derive(Debug, Clone, Copy)]
pub struct Held {
    /// The ticket.
    pub id: IssuedTicketId,
    /// Its event.
    pub event: EventId,
    /// What it was charged.
    pub worth: Rupiah,
    /// Whether somebody came in with it.
    pub used: bool,
}

/// An event that an order has lines of.
#[derive(Debug, Clone, Copy)]
pub struct Takings {
    /// The event.
    pub event: EventId,
    /// Whether it is the caller's to give back from.
    pub own: bool,
    /// What it was paid and has neither given back nor promised to.
    pub left: Rupiah,
    /// Until when buyers may give tickets back by themselves; `None` if they may not.
    pub buyers_until: Option<Timestamp>,
}

/// What can be given back, as it is under the locks of the order and the payment.
#[derive(Debug, Clone, Copy)]
pub struct Sale<'a> {
    /// The tickets of the order that are not void.
    pub held: &'a [Held],
    /// Those that are.
    pub void: &'a [IssuedTicketId],
    /// The events of its lines.
    pub takings: &'a [Takings],
    /// What was paid and has neither gone back nor is promised to.
    pub left: Rupiah,
}

/// What is wanted.
#[derive(Debug, Default)]
pub struct Wish {
    /// These tickets; `None`: all that the caller may take back.
    pub tickets: Option<Vec<IssuedTicketId>>,
    /// So much; `None`: what the tickets are worth.
    pub amount: Option<Rupiah>,
}

/// What is given back, and what for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The tickets that become void.
    pub tickets: Vec<IssuedTicketId>,
    /// The money.
    pub amount: Rupiah,
    /// Out of whose takings.
    pub parts: Vec<(EventId, Rupiah)>,
}

/// Why nothing is given back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefundError {
    /// Nothing was paid, or what was paid is disputed.
    NotPaid,
    /// Everything was given back or is on its way.
    NothingLeft,
    /// More was asked for than is left; so much is.
    TooMuch(Rupiah),
    /// One of the tickets is not among those that the caller may take back.
    UnknownTicket,
    /// One of the tickets is void already.
    TicketVoid,
    /// Somebody came in with one of the tickets.
    TicketUsed,
    /// The order has tickets of other organizers, so it must be said which ones are meant.
    NameTickets,
    /// Buyers give back whole tickets; how much that is is not theirs to say.
    NotForBuyers,
    /// The organizer does not let buyers give tickets back, or not that late.
    Policy,
}

impl From<RefundError> for Error {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::NotPaid => {
                Self::conflict("not_refundable", "Nothing was paid here that could be given back")
            }
            RefundError::NothingLeft => Self::conflict(
                "nothing_to_refund",
                "Everything was given back already, or is on its way",
            ),
            RefundError::TooMuch(left) => {
                Self::conflict("refund_too_large", format!("At most {left} can be given back"))
            }
            RefundError::UnknownTicket => Self::not_found("Ticket"),
            RefundError::TicketVoid => {
                Self::conflict("ticket_void", "One of the tickets was taken back already")
            }
            RefundError::TicketUsed => Self::conflict("ticket_used", "One of the tickets was used"),
            RefundError::NameTickets => {
                let message = "\"ticketIds\" is required: the order has tickets of other organizers, too";
                Self::invalid_field("ticketIds", message)
            }
            RefundError::NotForBuyers => Self::invalid_field(
                "amount",
                "\"amount\" is for organizers: tickets are given back whole",
            ),
            RefundError::Policy => Self::conflict(
                "refund_not_allowed",
                "The organizer does not take these tickets back, or not any more",
            ),
        }
    }
}

/// Whether of a payment in this status anything can be given back at all.
pub const fn is_refundable(status: PaymentStatus) -> bool {
    matches!(status, PaymentStatus::Success | PaymentStatus::PartiallyRefunded)
}

/// Decides what is given back of money that came in a wrong amount, for which nobody got a ticket: all that is left of it, or less.
/// Only those who run the platform may say so.
///
/// # Errors
/// Why it is refused.
pub fn plan_of_conflict(by: By, wish: &Wish, left: Rupiah) -> Result<Plan, RefundError> {
    if by != By::Admin {
        return Err(RefundError::NotPaid);
    }
    if wish.tickets.is_some() {
        return Err(RefundError::UnknownTicket);
    }
    if left == Rupiah::ZERO {
        return Err(RefundError::NothingLeft);
    }
    let amount = wish.amount.unwrap_or(left);
    if amount > left {
        return Err(RefundError::TooMuch(left));
    }
    Ok(Plan {
        tickets: Vec::new(),
        amount,
        parts: Vec::new(),
    })
}

/// Decides what is given back.
///
/// # Errors
/// Why it is refused.
pub fn plan(by: By, wish: &Wish, sale: Sale<'_>, now: Timestamp) -> Result<Plan, RefundError> {
    let Sale { held, takings, .. } = sale;
    let of = |event: EventId| takings.iter().find(|takings| takings.event == event);
    let own = |event: EventId| of(event).is_some_and(|takings| takings.own);
    if by == By::Buyer && wish.amount.is_some() {
        return Err(RefundError::NotForBuyers);
    }
    let chosen: Vec<Held> = match (&wish.tickets, wish.amount) {
        (Some(ids), _) => choose(ids, held, sale.void, own)?,
        (None, None) => held.iter().filter(|ticket| own(ticket.event)).copied().collect(),
        // A gesture takes nothing back.
        (None, Some(_)) if takings.iter().all(|takings| takings.own) => Vec::new(),
        (None, Some(_)) => return Err(RefundError::NameTickets),
    };
    if by == By::Buyer {
        if chosen.iter().any(|ticket| ticket.used) {
            return Err(RefundError::TicketUsed);
        }
        let in_time = |until: Option<Timestamp>| until.is_some_and(|until| now <= until);
        let allowed = |ticket: &Held| of(ticket.event).is_some_and(|takings| in_time(takings.buyers_until));
        if !chosen.iter().all(allowed) {
            return Err(RefundError::Policy);
        }
    }
    // Everything means all the money, too: also what gestures left of tickets that are void.
    let everything = wish.tickets.is_none() && by != By::Buyer;
    let bases: Vec<(EventId, Rupiah)> = takings
        .iter()
        .filter(|takings| takings.own)
        .map(|takings| {
            let worth = chosen
                .iter()
                .filter(|ticket| ticket.event == takings.event)
                .map(|ticket| ticket.worth.get())
                .sum();
            let wanted = if everything {
                takings.left
            } else {
                Rupiah::new(worth).unwrap_or(Rupiah::MAX)
            };
            (takings.event, wanted.min(takings.left))
        })
        .collect();
    let most: i64 = bases.iter().map(|(_, base)| base.get()).sum();
    let most = Rupiah::new(most).unwrap_or(Rupiah::MAX).min(sale.left);
    let amount = wish.amount.unwrap_or(most);
    if amount > most {
        return Err(if most == Rupiah::ZERO {
            RefundError::NothingLeft
        } else {
            RefundError::TooMuch(most)
        });
    }
    let worthless = chosen.iter().all(|ticket| ticket.worth == Rupiah::ZERO);
    if amount == Rupiah::ZERO && (chosen.is_empty() || !worthless) {
        return Err(RefundError::NothingLeft);
    }
    let weights: Vec<Rupiah> = bases.iter().map(|(_, base)| *base).collect();
    let parts = bases.iter().map(|(event, _)| *event).zip(split(amount, &weights));
    Ok(Plan {
        tickets: chosen.iter().map(|ticket| ticket.id).collect(),
        amount,
        parts: parts.filter(|(_, part)| *part > Rupiah::ZERO).collect(),
    })
}

fn choose(
    ids: &[IssuedTicketId],
    held: &[Held],
    void: &[IssuedTicketId],
    own: impl Fn(EventId) -> bool,
) -> Result<Vec<Held>, RefundError> {
    let mut chosen: Vec<Held> = Vec::with_capacity(ids.len());
    for id in ids {
        match held.iter().find(|ticket| ticket.id == *id) {
            Some(ticket) if own(ticket.event) => {
                // Naming a ticket twice takes it back once.
                if chosen.iter().all(|other| other.id != *id) {
                    chosen.push(*ticket);
                }
            }
            None if void.contains(id) => return Err(RefundError::TicketVoid),
            _ => return Err(RefundError::UnknownTicket),
        }
    }
    Ok(chosen)
}

/// The tickets of an event that was called off: all of them, also used ones, for as much as is left of what they were charged.
/// Nothing is refused here: tickets are void even if their money went back before.
pub fn plan_of_cancelled(event: EventId, held: &[Held], left: Rupiah) -> Plan {
    let of_event: Vec<&Held> = held.iter().filter(|ticket| ticket.event == event).collect();
    let worth = of_event.iter().map(|ticket| ticket.worth.get()).sum();
    let amount = Rupiah::new(worth).unwrap_or(Rupiah::MAX).min(left);
    Plan {
        tickets: of_event.iter().map(|ticket| ticket.id).collect(),
        amount,
        parts: if amount == Rupiah::ZERO {
            Vec::new()
        } else {
            vec![(event, amount)]
        },
    }
}

/// A refund as far as it matters to others of the same payment.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// The refund.
    pub id: RefundId,
    /// How much.
    pub amount: Rupiah,
    /// Where it stands.
    pub status: RefundStatus,
}

/// What went back of a payment.
pub fn returned(known: &[Known]) -> Rupiah {
    sum(known, RefundStatus::gave_back)
}

/// What went back or is promised.
pub fn promised(known: &[Known]) -> Rupiah {
    sum(known, |status| status != RefundStatus::Failed)
}

fn sum(known: &[Known], counts: impl Fn(RefundStatus) -> bool) -> Rupiah {
    let counted = known.iter().filter(|refund| counts(refund.status));
    Rupiah::new(counted.map(|refund| refund.amount.get()).sum()).unwrap_or(Rupiah::MAX)
}

/// The open refunds for which nothing is left, because money went back past them: the newest first, until the rest fits.
pub fn overtaken(known: &[Known], paid: Rupiah) -> Vec<RefundId> {
    let mut over = promised(known).get() - paid.get();
    let mut open: Vec<&Known> = known.iter().filter(|refund| refund.status.is_open()).collect();
    open.sort_by_key(|refund| std::cmp::Reverse(refund.id));
    let mut given_up = Vec::new();
    for refund in open {
        if over <= 0 {
            break;
        }
        over -= refund.amount.get();
        given_up.push(refund.id);
    }
    given_up
}

/// A refund key is good for a week after its first use at the gateway; within this time people have to be called.
const KEY_SECONDS: i64 = 6 * 24 * 3_600;

/// Seconds until the gateway is asked again, after so many attempts: half a minute first, then ever longer, at most six hours.
pub fn pause(attempts: u32) -> i64 {
    let doublings = attempts.saturating_sub(1).min(10);
    (30_i64 << doublings).min(6 * 3_600)
}

/// Whether it makes sense to try on that began at `first`.
pub fn may_try_on(first: Timestamp, now: Timestamp) -> bool {
    now.seconds_since(first) < KEY_SECONDS
}

/// What to do with a refund, by what the gateway says of its transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Ask it to give the money back.
    Refund,
    /// Call the card payment off: it is not settled yet, and all of it goes back.
    Cancel,
    /// Ask again at this time, and why.
    Wait(Timestamp, &'static str),
    /// It cannot: people have to, and why.
    Manual(&'static str),
}

/// How long a captured card payment takes to settle is the bank's business: usually until the next afternoon.
const UNSETTLED_SECONDS: i64 = 3_600;

/// ShopeePay gives nothing back at night: from 23:55 to 06:00 at Jakarta, whose time is seven hours ahead of UTC.
fn shopeepay_opens(now: Timestamp) -> Option<Timestamp> {
    const DAY: i64 = 86_400;
    const CLOSES: i64 = 23 * 3_600 + 55 * 60;
    const OPENS: i64 = 6 * 3_600;
    let of_day = (now.inner().as_second() + 7 * 3_600).rem_euclid(DAY);
    if of_day >= CLOSES {
        Some(now.plus_seconds(DAY - of_day + OPENS))
    } else if of_day < OPENS {
        Some(now.plus_seconds(OPENS - of_day))
    } else {
        None
    }
}

/// What to do next about a refund of `amount` out of `paid`. `said` is `transaction_status`, `method` is `payment_type`, both as
/// the gateway says; `gone` is what it gave back already.
pub fn next_step(
    said: &str,
    method: &str,
    amount: Rupiah,
    paid: Rupiah,
    gone: Rupiah,
    now: Timestamp,
) -> Step {
    let said = said.to_ascii_lowercase();
    let way = Way::of(method);
    match said.as_str() {
        "settlement" | "partial_refund" if !way.gives(amount, paid) => {
            Step::Manual("the payment method gives nothing back, or no parts")
        }
        "settlement" | "partial_refund" if paid.minus(gone).is_none_or(|left| amount > left) => {
            Step::Manual("the gateway has less left of the payment")
        }
        "settlement" | "partial_refund" => match shopeepay_opens(now) {
            Some(opens) if method == "shopeepay" => {
                Step::Wait(opens, "ShopeePay gives nothing back at night")
            }
            _ => Step::Refund,
        },
        "capture" if amount == paid => Step::Cancel,
        "capture" => Step::Wait(
            now.plus_seconds(UNSETTLED_SECONDS),
            "a card payment gives parts back once it is settled",
        ),
        _ => Step::Manual("the gateway does not have the money of this payment"),
    }
}

#[cfg(test)]
mod tests;
