//! When the payment gateway is asked about a payment although nobody told us anything: notifications get lost.

use crate::Timestamp;
use crate::order::OrderStatus;
use crate::payment::PaymentStatus;

/// Seconds from the beginning of a payment to the first question. Who pays at once is told of by a notification.
pub const FIRST_SECONDS: i64 = 120;

/// Seconds after which a question that nobody answered is asked again, by whoever comes first.
pub const LEASE_SECONDS: i64 = 60;

/// Seconds between two questions for a reader of one payment.
pub const POLL_SECONDS: i64 = 3;

/// While an order can be paid, somebody may be waiting for tickets.
const LIVE_SECONDS: i64 = 180;

/// Gaps grow up to this.
const LONGEST_SECONDS: i64 = 6 * 3_600;

/// Money for an order that has ended is looked for so long, counted from the beginning of the payment.
const LATE_SECONDS: i64 = 86_400;

/// A decision of people at the gateway is waited for so long.
const CHALLENGE_SECONDS: i64 = 30 * 86_400;

/// When to ask again after an answer that left a payment and its order like this; never if `None`. Gaps grow with the age of the
/// payment: each is as long as all that went before.
pub fn next_question(
    payment: PaymentStatus,
    order: OrderStatus,
    begun: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let age = now.seconds_since(begun);
    let (longest, end) = match payment {
        PaymentStatus::Challenge => (LONGEST_SECONDS, CHALLENGE_SECONDS),
        PaymentStatus::Pending
        | PaymentStatus::Failed
        | PaymentStatus::Expired
        | PaymentStatus::Cancelled => match order {
            OrderStatus::Pending => (LIVE_SECONDS, LATE_SECONDS),
            _ => (LONGEST_SECONDS, LATE_SECONDS),
        },
        PaymentStatus::Success
        | PaymentStatus::PartiallyRefunded
        | PaymentStatus::Refunded
        | PaymentStatus::Chargeback
        | PaymentStatus::Conflicted => return None,
    };
    let next = age + age.clamp(FIRST_SECONDS, longest);
    (next <= end).then(|| begun.plus_seconds(next))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun() -> Timestamp {
        Timestamp::parse("2030-01-01T12:00:00Z").unwrap()
    }

    /// Minutes of age at which is asked, if every answer says the same.
    fn minutes(payment: PaymentStatus, order: OrderStatus) -> Vec<i64> {
        let mut asked = vec![begun().plus_seconds(FIRST_SECONDS)];
        while let Some(next) = next_question(payment, order, begun(), asked[asked.len() - 1]) {
            asked.push(next);
        }
        asked.iter().map(|at| at.seconds_since(begun()) / 60).collect()
    }

    #[test]
    fn an_order_that_can_be_paid_is_asked_about_every_three_minutes() {
        let asked = minutes(PaymentStatus::Pending, OrderStatus::Pending);
        assert_eq!(asked[..6], [2, 4, 7, 10, 13, 16]);
    }

    #[test]
    fn late_money_is_looked_for_with_growing_gaps_for_a_day() {
        for payment in [PaymentStatus::Expired, PaymentStatus::Cancelled] {
            let asked = minutes(payment, OrderStatus::Expired);
            assert_eq!(asked, [2, 4, 8, 16, 32, 64, 128, 256, 512, 872, 1_232]);
        }
    }

    #[test]
    fn a_challenge_is_waited_for() {
        let asked = minutes(PaymentStatus::Challenge, OrderStatus::Pending);
        assert!(asked.last().is_some_and(|last| *last > 29 * 24 * 60));
        assert!(asked.len() < 140, "{}", asked.len());
    }

    #[test]
    fn what_is_decided_is_not_asked_about() {
        for payment in [
            PaymentStatus::Success,
            PaymentStatus::Refunded,
            PaymentStatus::Conflicted,
        ] {
            let now = begun().plus_seconds(120);
            assert_eq!(next_question(payment, OrderStatus::Pending, begun(), now), None);
        }
    }
}
