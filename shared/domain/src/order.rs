//! Orders: what they cost and the states they may be in.

use crate::{Error, Rupiah, TicketTypeId, Timestamp};

/// Most lines of one order.
pub const MAX_LINES: usize = 20;

/// One line of an order: so many of one ticket type at the price of the moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// What is bought.
    pub ticket_type: TicketTypeId,
    /// Price of one, fixed when the order is made.
    pub unit_price: Rupiah,
    /// How many.
    pub quantity: u32,
}

impl Line {
    /// Price of the line, unless it is above what an amount may be.
    pub fn subtotal(&self) -> Option<Rupiah> {
        self.unit_price.times(self.quantity)
    }
}

/// What an order costs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Sum of the lines.
    pub subtotal: Rupiah,
    /// Taken off the subtotal.
    pub discount: Rupiah,
    /// What is charged: `subtotal - discount`.
    pub total: Rupiah,
}

/// What an order is called: 128 random bits, so that nobody guesses another's.
pub fn code(random: [u8; 16]) -> String {
    format!("ORDER-{:032X}", u128::from_be_bytes(random))
}

/// Prices the lines of an order. The same function serves the preview and the order, so what is shown is what is charged.
///
/// # Errors
/// `amount_too_large` if the sum leaves the range of an amount.
pub fn price(lines: &[Line]) -> Result<Price, Error> {
    let too_large = || Error::invalid("amount_too_large", "The order is too large");
    let subtotal = lines
        .iter()
        .try_fold(Rupiah::ZERO, |sum, line| sum.plus(line.subtotal()?))
        .ok_or_else(too_large)?;
    Ok(Price {
        subtotal,
        discount: Rupiah::ZERO,
        total: subtotal,
    })
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
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn the_total_is_the_sum_of_the_lines(lines in proptest::collection::vec((0i64..50_000_000, 1u32..50), 0..MAX_LINES)) {
            let sum: i64 = lines.iter().map(|(price, quantity)| price * i64::from(*quantity)).sum();
            let lines: Vec<_> = lines.into_iter().zip(1..).map(|((unit_price, quantity), id)| Line {
                ticket_type: TicketTypeId::new(id), unit_price: Rupiah::new(unit_price).unwrap(), quantity,
            }).collect();
            let price = price(&lines).unwrap();
            prop_assert_eq!(price.total.get(), sum);
            prop_assert_eq!(price.subtotal.minus(price.discount), Some(price.total));
        }

        #[test]
        fn sums_beyond_the_range_are_refused(quantity in 2u32..1000) {
            let line = Line { ticket_type: TicketTypeId::new(1), unit_price: Rupiah::MAX, quantity };
            prop_assert_eq!(price(&[line]).unwrap_err().code, "amount_too_large");
        }
    }
}
