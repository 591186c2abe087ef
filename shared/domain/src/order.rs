//! Orders: what they are called and the states they may be in. What they cost is in [`crate::price`].

use crate::{Error, Timestamp};

/// Most lines of one order.
pub const MAX_LINES: usize = 20;

/// What an order is called: 128 random bits, so that nobody guesses another's.
pub fn code(random: [u8; 16]) -> String {
    format!("ORDER-{:032X}", u128::from_be_bytes(random))
}

/// Where an order stands.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OrderStatus {
    /// Stock is held until `expires_at`; not paid.
    Pending,
    /// Paid; tickets are issued.
    Paid,
    /// The time to pay is over; stock is given back.
    Expired,
    /// Called off before payment; stock is given back.
    Cancelled,
    /// Paid after its stock was sold to others: the money has to go back.
    RefundDue,
    /// All money went back; tickets are void.
    Refunded,
    /// The money was taken back by the payer's bank, or arrived in a wrong amount: people have to look at it.
    Disputed,
}

impl OrderStatus {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::Pending,
        Self::Paid,
        Self::Expired,
        Self::Cancelled,
        Self::RefundDue,
        Self::Refunded,
        Self::Disputed,
    ];

    /// As stored.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Paid => "paid",
            Self::Expired => "expired",
            Self::Cancelled => "cancelled",
            Self::RefundDue => "refund_due",
            Self::Refunded => "refunded",
            Self::Disputed => "disputed",
        }
    }

    /// The status of that name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

/// Whether an order may still be paid at `now`.
///
/// # Errors
/// `order_paid` or `order_closed`, which say why not.
pub fn check_payable(status: OrderStatus, expires_at: Timestamp, now: Timestamp) -> Result<(), Error> {
    match status {
        OrderStatus::Pending if now < expires_at => Ok(()),
        OrderStatus::Paid => Err(Error::conflict("order_paid", "This order is already paid")),
        _ => Err(Error::conflict(
            "order_closed",
            "The time to pay this order is over, please order again",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_payable_until_just_before_its_end() {
        let end = Timestamp::parse("2030-01-01T00:15:00Z").unwrap();
        assert!(check_payable(OrderStatus::Pending, end, end.plus_seconds(-1)).is_ok());
        assert_eq!(
            check_payable(OrderStatus::Pending, end, end).unwrap_err().code,
            "order_closed"
        );
        assert_eq!(
            check_payable(OrderStatus::Paid, end, end.plus_seconds(-1))
                .unwrap_err()
                .code,
            "order_paid"
        );
        assert_eq!(
            check_payable(OrderStatus::Expired, end, end.plus_seconds(-1))
                .unwrap_err()
                .code,
            "order_closed"
        );
    }

    #[test]
    fn status_names_are_read_back() {
        for status in OrderStatus::ALL {
            assert_eq!(OrderStatus::parse(status.as_str()), Some(status));
        }
    }
}
