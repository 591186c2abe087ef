//! Ticket types: what is sold, when, and how many at once.

use crate::event::EventStatus;
use crate::text::texts;
use crate::{Error, Rupiah, Timestamp};

texts! {
    /// What a ticket type is called.
    TicketName: 1..=100, "must not be empty";
    /// Who performs.
    Artist: 1..=200, "must not be empty";
}

/// How many tickets a buyer wants: at least one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Quantity(#[schemars(range(min = 1, max = 1000))] u32);

impl Quantity {
    /// No order holds more of one kind.
    pub const MAX: u32 = 1_000;

    /// The quantity, unless it is zero or above [`Quantity::MAX`].
    pub const fn new(quantity: u32) -> Option<Self> {
        if quantity >= 1 && quantity <= Self::MAX {
            Some(Self(quantity))
        } else {
            None
        }
    }

    /// How many.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for Quantity {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        match crate::text::whole_number(input)? {
            n if n < 1 => Err(serde::de::Error::custom("Quantity must be at least 1")),
            n => u32::try_from(n)
                .ok()
                .and_then(Self::new)
                .ok_or_else(|| serde::de::Error::custom(format!("Quantity must be at most {}", Self::MAX))),
        }
    }
}

/// How many of a ticket type there are: 0 to one million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct Capacity(#[schemars(range(min = 0, max = 1_000_000))] u32);

impl Capacity {
    /// More than any venue holds.
    pub const MAX: u32 = 1_000_000;

    /// The capacity, unless it is above [`Capacity::MAX`].
    pub const fn new(capacity: u32) -> Option<Self> {
        if capacity <= Self::MAX {
            Some(Self(capacity))
        } else {
            None
        }
    }

    /// How many.
    pub const fn get(self) -> u32 {
        self.0
    }
}

impl<'de> serde::Deserialize<'de> for Capacity {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let capacity = crate::text::whole_number(input)?;
        u32::try_from(capacity)
            .ok()
            .and_then(Self::new)
            .ok_or_else(|| serde::de::Error::custom("must be between 0 and 1000000"))
    }
}

/// The rules of sale of one ticket type.
#[derive(Debug, Clone)]
pub struct SaleRules {
    /// Price of one, in rupiah.
    pub price: Rupiah,
    /// Sale starts then; at once if absent.
    pub sales_start: Option<Timestamp>,
    /// Sale ends then (exclusive); with the event if absent.
    pub sales_end: Option<Timestamp>,
    /// Fewest in one order.
    pub min_per_order: u32,
    /// Most in one order.
    pub max_per_order: u32,
    /// Most that one buyer may own or hold; no limit if absent.
    pub max_per_user: Option<u32>,
    /// Where the event stands.
    pub event_status: EventStatus,
    /// When the event begins.
    pub event_date: Timestamp,
    /// When the event ends: nothing is sold after that, whatever the sale's own end.
    pub event_ends: Timestamp,
}

/// Why a wish to buy is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SaleError {
    /// Not yet, no longer, or the event does not take place. `opens` is set while the sale is still to come.
    SalesClosed {
        /// When the sale begins.
        opens: Option<Timestamp>,
    },
    /// Fewer than the organizer sells at once.
    BelowMinimum {
        /// Fewest in one order.
        min: u32,
    },
    /// More than one order or one buyer may have.
    LimitReached {
        /// Most that may be had.
        max: u32,
        /// How many the buyer has already.
        have: u32,
    },
    /// A guest wants what is limited per person: whoever is a guest twice is not known to be one person.
    AccountRequired,
}

impl SaleRules {
    /// When the sale ends (exclusive), whatever becomes of the event.
    pub fn ends(&self) -> Timestamp {
        self.sales_end.unwrap_or(self.event_date).min(self.event_ends)
    }

    /// Whether a buyer who owns or holds `others` of this type (elsewhere than in this row) may hold `wanted` in one row
    /// at `now`.
    ///
    /// # Errors
    /// The first rule that refuses it.
    pub fn check(&self, wanted: u32, others: u32, now: Timestamp) -> Result<(), SaleError> {
        if let Some(opens) = self.sales_start.filter(|start| *start > now) {
            return Err(SaleError::SalesClosed { opens: Some(opens) });
        }
        if self.event_status != EventStatus::Published || self.ends() <= now {
            return Err(SaleError::SalesClosed { opens: None });
        }
        if wanted < self.min_per_order {
            return Err(SaleError::BelowMinimum {
                min: self.min_per_order,
            });
        }
        if wanted > self.max_per_order {
            return Err(SaleError::LimitReached {
                max: self.max_per_order,
                have: 0,
            });
        }
        match self.max_per_user {
            Some(max) if others.saturating_add(wanted) > max => {
                Err(SaleError::LimitReached { max, have: others })
            }
            _ => Ok(()),
        }
    }

    /// Whether these tickets are for guests, too.
    ///
    /// # Errors
    /// [`SaleError::AccountRequired`].
    pub const fn check_guest(&self, is_guest: bool) -> Result<(), SaleError> {
        if is_guest && self.max_per_user.is_some() {
            Err(SaleError::AccountRequired)
        } else {
            Ok(())
        }
    }
}

impl From<SaleError> for Error {
    fn from(error: SaleError) -> Self {
        match error {
            SaleError::SalesClosed { opens: Some(opens) } => Self {
                retry_at: Some(opens),
                ..Self::conflict("sales_closed", format!("Ticket sales open at {opens}"))
            },
            SaleError::SalesClosed { opens: None } => {
                Self::conflict("sales_closed", "Ticket sales are closed")
            }
            SaleError::BelowMinimum { min } => Self::conflict(
                "below_minimum",
                format!("At least {min} tickets must be taken at once"),
            ),
            SaleError::LimitReached { max, have: 0 } => {
                Self::conflict("limit_reached", format!("At most {max} tickets may be taken"))
            }
            SaleError::LimitReached { max, have } => Self::conflict(
                "limit_reached",
                format!("At most {max} tickets per person; you already have {have}"),
            ),
            SaleError::AccountRequired => Self::conflict(
                "account_required",
                "These tickets are limited per person, please log in to buy them",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        Timestamp::parse(text).unwrap()
    }

    #[test]
    fn guests_take_what_is_not_limited_per_person() {
        let limited = SaleRules {
            max_per_user: Some(4),
            ..rules()
        };
        let open = SaleRules {
            max_per_user: None,
            ..rules()
        };
        assert_eq!(limited.check_guest(true), Err(SaleError::AccountRequired));
        assert_eq!(
            (limited.check_guest(false), open.check_guest(true)),
            (Ok(()), Ok(()))
        );
    }

    fn rules() -> SaleRules {
        SaleRules {
            price: Rupiah::new(150_000).unwrap(),
            sales_start: Some(at("2030-01-01T00:00:00Z")),
            sales_end: Some(at("2030-01-31T00:00:00Z")),
            min_per_order: 2,
            max_per_order: 4,
            max_per_user: Some(6),
            event_status: EventStatus::Published,
            event_date: at("2030-02-01T12:00:00Z"),
            event_ends: at("2030-02-01T20:00:00Z"),
        }
    }

    #[test]
    fn sale_is_open_from_its_start_until_just_before_its_end() {
        let rules = rules();
        let open = |text: &str| rules.check(2, 0, at(text)).is_ok();
        assert!(!open("2029-12-31T23:59:59.999Z"));
        assert!(open("2030-01-01T00:00:00Z"));
        assert!(open("2030-01-30T23:59:59.999Z"));
        assert!(!open("2030-01-31T00:00:00Z"));
    }

    #[test]
    fn without_an_end_sale_stops_when_the_event_begins() {
        let rules = SaleRules {
            sales_end: None,
            ..rules()
        };
        assert!(rules.check(2, 0, at("2030-02-01T11:59:59Z")).is_ok());
        assert!(rules.check(2, 0, at("2030-02-01T12:00:00Z")).is_err());
    }

    #[test]
    fn sale_may_go_on_while_the_event_does_but_not_longer() {
        let rules = SaleRules {
            sales_end: Some(at("2030-03-01T00:00:00Z")),
            ..rules()
        };
        assert!(rules.check(2, 0, at("2030-02-01T19:59:59Z")).is_ok());
        assert_eq!(
            rules.check(2, 0, at("2030-02-01T20:00:00Z")),
            Err(SaleError::SalesClosed { opens: None })
        );
    }

    #[test]
    fn only_published_events_sell() {
        for status in [EventStatus::Draft, EventStatus::Cancelled, EventStatus::Ended] {
            let rules = SaleRules {
                event_status: status,
                ..rules()
            };
            assert_eq!(
                rules.check(2, 0, at("2030-01-02T00:00:00Z")),
                Err(SaleError::SalesClosed { opens: None })
            );
        }
    }

    #[test]
    fn limits_hold_per_order_and_per_buyer() {
        let rules = rules();
        let now = at("2030-01-02T00:00:00Z");
        assert_eq!(rules.check(1, 0, now), Err(SaleError::BelowMinimum { min: 2 }));
        assert_eq!(
            rules.check(5, 0, now),
            Err(SaleError::LimitReached { max: 4, have: 0 })
        );
        assert_eq!(
            rules.check(4, 3, now),
            Err(SaleError::LimitReached { max: 6, have: 3 })
        );
        assert!(rules.check(3, 3, now).is_ok());
    }

    #[test]
    fn refusals_carry_codes_that_say_why() {
        let code = |error: SaleError| Error::from(error).code;
        assert_eq!(code(SaleError::SalesClosed { opens: None }), "sales_closed");
        assert_eq!(code(SaleError::LimitReached { max: 4, have: 0 }), "limit_reached");
        assert_eq!(code(SaleError::BelowMinimum { min: 2 }), "below_minimum");
    }
}
