//! Reservations: how long stock is kept for a cart, and what is said when there is none.

use crate::{Error, Timestamp};

/// Seconds that a cart keeps its stock after the buyer's last change, unless configured otherwise.
pub const HOLD_SECONDS: i64 = 600;

/// Changing a row again and again keeps its stock at most this many seconds after the row was made: nobody blocks
/// tickets for hours by pressing a button.
pub const LONGEST_HOLD_SECONDS: i64 = 1_800;

/// Seconds a buyer has to pay after checkout, unless configured otherwise.
pub const PAYMENT_SECONDS: i64 = 900;

/// Until when the stock of a cart row made at `made` and changed at `now` is kept.
pub fn reserved_until(made: Timestamp, now: Timestamp, hold_seconds: i64) -> Timestamp {
    now.plus_seconds(hold_seconds)
        .min(made.plus_seconds(LONGEST_HOLD_SECONDS.max(hold_seconds)))
}

/// Why there is no stock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StockError {
    /// Every unit is sold, or fewer are left than wanted and nobody holds any.
    SoldOut {
        /// Units that are neither sold nor held.
        left: u32,
    },
    /// Others hold units that may come back.
    HeldByOthers {
        /// Units that are neither sold nor held.
        left: u32,
        /// When the next reservation of somebody ends.
        retry_at: Option<Timestamp>,
    },
    /// What is left, and what comes back, is for those who wait for it.
    WaitedFor,
}

impl From<StockError> for Error {
    fn from(error: StockError) -> Self {
        match error {
            StockError::SoldOut { left: 0 } => {
                Self::conflict("sold_out", "Not enough tickets available: sold out")
            }
            StockError::WaitedFor => Self::conflict(
                "sold_out",
                "Not enough tickets available: sold out. What comes back goes to the waiting list, please join it",
            ),
            StockError::SoldOut { left } => {
                Self::conflict("sold_out", format!("Not enough tickets available: {left} left"))
            }
            StockError::HeldByOthers { left, retry_at } => {
                let message = format!(
                    "Not enough tickets available: {left} left, more are reserved by others and may come back"
                );
                Self {
                    retry_at,
                    ..Self::conflict("held_by_others", message)
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reservation_lives_ten_minutes_and_never_longer_than_half_an_hour() {
        let made = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        let until = |minutes: i64| {
            reserved_until(made, made.plus_seconds(minutes * 60), HOLD_SECONDS).seconds_since(made) / 60
        };
        assert_eq!([0, 5, 19, 20, 25, 29].map(until), [10, 15, 29, 30, 30, 30]);
    }

    #[test]
    fn a_longer_setting_is_not_cut_by_the_cap() {
        let made = Timestamp::parse("2030-01-01T00:00:00Z").unwrap();
        assert_eq!(reserved_until(made, made, 7_200).seconds_since(made), 7_200);
    }
}
