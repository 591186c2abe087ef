//! Promo codes: what they take off, from what, and when.
//!
//! One code per order, or up to [`MOST_PER_ORDER`](crate::promo_code::MOST_PER_ORDER) if every one of them says that it may be combined. They are applied in the order
//! in which the buyer names them, each to what the one before left of the price; fees and taxes come afterwards. Nothing goes
//! below zero: an amount that is larger than the price takes off the price.

use crate::percent::Percent;
use crate::price::{Line, part};
use crate::promo_code::{INVALID, PromoCode};
use crate::text::texts;
use crate::{Error, EventId, PromoId, Rupiah, TicketTypeId, Timestamp, UserId};

/// What a code takes off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Off {
    /// A part of the price.
    Percent(Percent),
    /// Rupiah, at most the price.
    Amount(Rupiah),
}

/// What a code does, and for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Terms {
    /// What it takes off.
    pub off: Off,
    /// It takes off at most that, once per order.
    pub cap: Option<Rupiah>,
    /// What it covers has to cost that before discounts.
    pub min_spend: Rupiah,
    /// It covers only events of this organizer; those of all if it is the platform's.
    pub organizer: Option<UserId>,
    /// It covers these events …
    pub events: Vec<EventId>,
    /// … and these ticket types; everything of its organizer if both are empty.
    pub ticket_types: Vec<TicketTypeId>,
    /// Only for buyers who have not ordered anything before.
    pub first_purchase_only: bool,
    /// It may be combined with others that say the same.
    pub stackable: bool,
    /// It works from then …
    pub valid_from: Timestamp,
    /// … until then, both included.
    pub valid_to: Timestamp,
}

#[cfg(test)]
impl Default for Terms {
    /// One rupiah off everything, always.
    fn default() -> Self {
        Self {
            off: Off::Amount(Rupiah::new(1).unwrap()),
            cap: None,
            min_spend: Rupiah::ZERO,
            organizer: None,
            events: Vec::new(),
            ticket_types: Vec::new(),
            first_purchase_only: false,
            stackable: true,
            valid_from: Timestamp::parse("2000-01-01").unwrap(),
            valid_to: Timestamp::parse("2100-01-01").unwrap(),
        }
    }
}

/// Why a code gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PromoError {
    /// Nobody made it, or it was taken back.
    Unknown,
    /// Its time has not come or is over.
    OutOfTime,
    /// It covers nothing of what is bought, or nothing of it costs anything any more.
    NotCovered,
    /// What it covers costs too little.
    BelowMinimum {
        /// What it has to cost.
        min: Rupiah,
    },
    /// The buyer has ordered before.
    NotFirst,
    /// It goes alone.
    NotCombinable,
    /// It was used as often as it may be.
    UsedUp,
    /// This buyer has used it as often as anybody may.
    LimitReached {
        /// How often that is.
        max: u32,
    },
    /// A guest wants what is limited per person: whoever is a guest twice is not known to be one person.
    AccountRequired,
}

impl From<PromoError> for Error {
    fn from(error: PromoError) -> Self {
        match error {
            PromoError::Unknown => Self::invalid("invalid_promo", INVALID),
            PromoError::OutOfTime => {
                Self::invalid("promo_not_valid_now", "Promo code has expired or not yet valid")
            }
            PromoError::NotCovered => {
                Self::invalid("promo_not_applicable", "The promo code is not for these tickets")
            }
            PromoError::BelowMinimum { min } => Self::invalid(
                "promo_below_minimum",
                format!("The promo code is for orders of at least {min}"),
            ),
            PromoError::NotFirst => Self::invalid(
                "promo_first_purchase",
                "The promo code is for a first purchase only",
            ),
            PromoError::NotCombinable => {
                Self::invalid("promo_not_combinable", "These promo codes cannot be combined")
            }
            PromoError::UsedUp => Self::conflict("promo_used_up", "The promo code has been used up"),
            PromoError::LimitReached { max } => Self::conflict(
                "promo_limit_reached",
                format!("The promo code can be used {max} times by one person"),
            ),
            PromoError::AccountRequired => Self::conflict(
                "account_required",
                "The promo code is limited per person, please log in to use it",
            ),
        }
    }
}

impl Terms {
    /// Whether it works at `now`.
    ///
    /// # Errors
    /// [`PromoError::OutOfTime`].
    pub fn check_time(&self, now: Timestamp) -> Result<(), PromoError> {
        if self.valid_from <= now && now <= self.valid_to {
            Ok(())
        } else {
            Err(PromoError::OutOfTime)
        }
    }

    /// Whether it covers a line.
    pub fn covers(&self, line: &Line) -> bool {
        let everything = self.events.is_empty() && self.ticket_types.is_empty();
        self.organizer.is_none_or(|organizer| organizer == line.organizer)
            && (everything
                || self.events.contains(&line.event)
                || self.ticket_types.contains(&line.ticket_type))
    }

    /// What it takes off lines that cost `left` after other codes and cost `before` without any; what it does not cover is
    /// zero in both. Rounded half up.
    ///
    /// # Errors
    /// Why it takes off nothing.
    pub(crate) fn off(&self, before: &[Rupiah], left: &[Rupiah]) -> Result<Rupiah, PromoError> {
        let sum = |of: &[Rupiah]| of.iter().try_fold(Rupiah::ZERO, |sum, amount| sum.plus(*amount));
        // What is too large for an amount is refused as an order; until then it counts as the largest.
        let (before, left) = (
            sum(before).unwrap_or(Rupiah::MAX),
            sum(left).unwrap_or(Rupiah::MAX),
        );
        if before < self.min_spend && before > Rupiah::ZERO {
            return Err(PromoError::BelowMinimum { min: self.min_spend });
        }
        let off = match self.off {
            Off::Percent(percent) => part(left, percent.hundredths()).unwrap_or(left),
            Off::Amount(amount) => amount,
        };
        match off.min(self.cap.unwrap_or(Rupiah::MAX)).min(left) {
            Rupiah::ZERO => Err(PromoError::NotCovered),
            off => Ok(off),
        }
    }
}

/// How often a code may be used; absent limits are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// By everybody together.
    pub total: Option<u32>,
    /// By each buyer.
    pub per_user: Option<u32>,
}

/// How often a code was used, and what its user has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// Redemptions by everybody that count.
    pub redeemed: u32,
    /// Redemptions by this buyer that count.
    pub by_user: u32,
    /// Whether the buyer has an order that is paid or may still be.
    pub ordered_before: bool,
    /// Whether the buyer is a guest.
    pub is_guest: bool,
}

/// A promo code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Promo {
    /// Its id.
    pub id: PromoId,
    /// What buyers type.
    pub code: PromoCode,
    /// What it does.
    pub terms: Terms,
    /// How often it may be used.
    pub limits: Limits,
}

impl Promo {
    /// Whether somebody may use it once more at `now`.
    ///
    /// # Errors
    /// The first rule that refuses it.
    pub fn check(&self, usage: Usage, now: Timestamp) -> Result<(), PromoError> {
        self.terms.check_time(now)?;
        if self.limits.total.is_some_and(|most| usage.redeemed >= most) {
            return Err(PromoError::UsedUp);
        }
        if usage.is_guest && (self.limits.per_user.is_some() || self.terms.first_purchase_only) {
            return Err(PromoError::AccountRequired);
        }
        match self.limits.per_user {
            Some(max) if usage.by_user >= max => Err(PromoError::LimitReached { max }),
            _ if self.terms.first_purchase_only && usage.ordered_before => Err(PromoError::NotFirst),
            _ => Ok(()),
        }
    }
}

/// Whether these codes may be used together.
///
/// # Errors
/// [`PromoError::NotCombinable`].
pub fn check_combination<'a>(codes: impl ExactSizeIterator<Item = &'a Terms>) -> Result<(), PromoError> {
    let alone = codes.len() < 2;
    if alone || codes.into_iter().all(|terms| terms.stackable) {
        Ok(())
    } else {
        Err(PromoError::NotCombinable)
    }
}

texts! {
    /// What a group of codes is called.
    CampaignName: 1..=100, "must not be empty";
}

/// Most codes of one generation.
pub const MOST_AT_ONCE: u32 = 10_000;

/// How often a code may be used: 1 to one million.
#[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct UseLimit(#[schemars(range(min = 1, max = 1_000_000))] u32);

/// How many codes are generated: 1 to [`MOST_AT_ONCE`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct CodeCount(#[schemars(range(min = 1, max = 10_000))] u32);

macro_rules! bounded_numbers {
    ($($name:ident: $max:expr;)*) => {$(
        impl $name {
            /// The number.
            pub const fn get(self) -> u32 {
                self.0
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
                let number = crate::text::whole_number(input)?;
                match u32::try_from(number) {
                    Ok(number) if (1..=$max).contains(&number) => Ok(Self(number)),
                    _ => Err(serde::de::Error::custom(format!("must be between 1 and {}", $max))),
                }
            }
        }
    )*};
}

bounded_numbers! {
    UseLimit: 1_000_000;
    CodeCount: MOST_AT_ONCE;
}

/// What a code is for: at most 100 ids, none twice.
#[derive(Debug, Clone, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent, inline)]
pub struct IdList<T>(#[schemars(length(max = 100))] Vec<T>);

impl<T> IdList<T> {
    /// The ids, in their order.
    pub fn into_inner(self) -> Vec<T> {
        self.0
    }
}

impl<'de, T: serde::Deserialize<'de> + Ord> serde::Deserialize<'de> for IdList<T> {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let mut ids = Vec::<T>::deserialize(input)?;
        if ids.len() > 100 {
            return Err(serde::de::Error::custom("must be at most 100 ids"));
        }
        ids.sort_unstable();
        ids.dedup();
        Ok(Self(ids))
    }
}

/// What a campaign brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Results {
    /// Codes that belong to it, deleted ones included.
    pub codes: u64,
    /// Of these, how many somebody used in an order that was paid.
    pub codes_used: u64,
    /// Orders that were made with one of its codes.
    pub orders: u64,
    /// Of these, how many were paid.
    pub paid_orders: u64,
    /// Uses of its codes in paid orders.
    pub redemptions: u64,
    /// What its codes took off paid orders, in rupiah.
    pub discount: i64,
    /// What the organizer's lines of paid orders were charged, in rupiah.
    pub revenue: i64,
}

impl Results {
    /// How many of the orders made with one of its codes were paid, from 0 to 1 in ten-thousandths; nothing if there is none.
    pub fn conversion(&self) -> Option<f64> {
        let parts = (self.paid_orders * 10_000 + self.orders / 2).checked_div(self.orders)?;
        Some(u32::try_from(parts).map_or(1.0, f64::from) / 10_000.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    fn rupiah(amount: i64) -> Rupiah {
        Rupiah::new(amount).unwrap()
    }

    fn amounts<const N: usize>(all: [i64; N]) -> [Rupiah; N] {
        all.map(rupiah)
    }

    #[test]
    fn amounts_are_capped_and_never_more_than_the_price() {
        let terms = |off, cap: Option<i64>| Terms {
            off,
            cap: cap.map(rupiah),
            ..Terms::default()
        };
        let half = Off::Percent(Percent::new(5_000).unwrap());
        let price = amounts([100_000, 50_000]);
        assert_eq!(terms(half, None).off(&price, &price), Ok(rupiah(75_000)));
        assert_eq!(terms(half, Some(20_000)).off(&price, &price), Ok(rupiah(20_000)));
        let amount = Off::Amount(rupiah(200_000));
        assert_eq!(terms(amount, None).off(&price, &price), Ok(rupiah(150_000)));
        assert_eq!(
            terms(amount, None).off(&price, &amounts([0, 0])),
            Err(PromoError::NotCovered)
        );
    }

    #[test]
    fn a_minimum_is_of_what_is_covered_before_discounts() {
        let terms = Terms {
            min_spend: rupiah(100_000),
            ..Terms::default()
        };
        let min = rupiah(100_000);
        assert_eq!(
            terms.off(&amounts([99_999]), &amounts([99_999])),
            Err(PromoError::BelowMinimum { min })
        );
        assert!(terms.off(&amounts([100_000]), &amounts([5])).is_ok());
        assert_eq!(
            terms.off(&amounts([0]), &amounts([0])),
            Err(PromoError::NotCovered)
        );
    }

    #[test]
    fn a_code_covers_its_events_and_ticket_types_of_its_organizer() {
        let line = Line {
            ticket_type: TicketTypeId::new(5),
            event: EventId::new(3),
            organizer: UserId::new(1),
            unit_price: rupiah(1),
            quantity: 1,
            service_fee: crate::price::ServiceFee::default(),
            tax_rate: crate::price::TaxRate::default(),
        };
        let terms = |organizer: Option<i64>, events: &[i64], types: &[i64]| Terms {
            organizer: organizer.map(UserId::new),
            events: events.iter().map(|id| EventId::new(*id)).collect(),
            ticket_types: types.iter().map(|id| TicketTypeId::new(*id)).collect(),
            ..Terms::default()
        };
        for (organizer, events, types, covered) in [
            (None, &[][..], &[][..], true),
            (Some(1), &[], &[], true),
            (Some(2), &[], &[], false),
            (Some(1), &[3], &[], true),
            (Some(1), &[4], &[], false),
            (Some(1), &[4], &[5], true),
            (Some(1), &[], &[6], false),
            (Some(2), &[3], &[5], false),
        ] {
            assert_eq!(
                terms(organizer, events, types).covers(&line),
                covered,
                "{organizer:?} {events:?} {types:?}"
            );
        }
    }

    #[test]
    fn a_code_works_within_its_time_and_its_limits() {
        let at = |text| Timestamp::parse(text).unwrap();
        let promo = Promo {
            id: PromoId::new(1),
            code: PromoCode::parse("EARLY").unwrap(),
            terms: Terms {
                valid_from: at("2030-01-01"),
                valid_to: at("2030-01-02"),
                first_purchase_only: true,
                ..Terms::default()
            },
            limits: Limits {
                total: Some(10),
                per_user: Some(2),
            },
        };
        let (begins, ends) = (at("2030-01-01"), at("2030-01-02"));
        let none = Usage::default();
        assert_eq!(promo.check(none, begins), Ok(()));
        assert_eq!(promo.check(none, ends), Ok(()));
        assert_eq!(
            promo.check(none, begins.plus_seconds(-1)),
            Err(PromoError::OutOfTime)
        );
        assert_eq!(
            promo.check(none, ends.plus_seconds(1)),
            Err(PromoError::OutOfTime)
        );
        assert_eq!(
            promo.check(
                Usage {
                    redeemed: 9,
                    by_user: 1,
                    ..none
                },
                begins
            ),
            Ok(())
        );
        assert_eq!(
            promo.check(Usage { redeemed: 10, ..none }, begins),
            Err(PromoError::UsedUp)
        );
        assert_eq!(
            promo.check(Usage { by_user: 2, ..none }, begins),
            Err(PromoError::LimitReached { max: 2 })
        );
        assert_eq!(
            promo.check(
                Usage {
                    ordered_before: true,
                    ..none
                },
                begins
            ),
            Err(PromoError::NotFirst)
        );
    }

    #[test]
    fn guests_use_what_is_not_limited_per_person() {
        let guest = Usage {
            is_guest: true,
            ..Usage::default()
        };
        for (first_purchase_only, per_user, expected) in [
            (false, None, Ok(())),
            (true, None, Err(PromoError::AccountRequired)),
            (false, Some(2), Err(PromoError::AccountRequired)),
        ] {
            let promo = Promo {
                id: PromoId::new(1),
                code: PromoCode::parse("EARLY").unwrap(),
                terms: Terms {
                    first_purchase_only,
                    ..Terms::default()
                },
                limits: Limits {
                    total: Some(10),
                    per_user,
                },
            };
            assert_eq!(promo.check(guest, promo.terms.valid_from), expected);
            assert_eq!(promo.check(Usage::default(), promo.terms.valid_from), Ok(()));
        }
    }

    #[test]
    fn codes_go_together_only_if_all_say_so() {
        let terms = |stackable| Terms {
            stackable,
            ..Terms::default()
        };
        let (together, alone) = (terms(true), terms(false));
        assert!(check_combination([&alone].into_iter()).is_ok());
        assert!(check_combination([&together, &together].into_iter()).is_ok());
        assert_eq!(
            check_combination([&together, &alone].into_iter()),
            Err(PromoError::NotCombinable)
        );
    }

    #[test]
    fn conversion_is_the_part_of_orders_that_were_paid() {
        let of = |orders, paid_orders| {
            Results {
                orders,
                paid_orders,
                ..Results::default()
            }
            .conversion()
        };
        assert_eq!(of(0, 0), None);
        assert_eq!(of(3, 2).map(|part| part.to_string()).as_deref(), Some("0.6667"));
        assert_eq!(of(4, 4).map(|part| part.to_string()).as_deref(), Some("1"));
    }

    #[test]
    fn limits_and_scopes_are_bounded() {
        for bad in ["0", "-1", "1000001", "1.5", "\"\"", "null", "1e99"] {
            assert!(read::<UseLimit>(bad).is_err(), "{bad}");
            assert!(read::<CodeCount>(bad).is_err(), "{bad}");
        }
        assert_eq!(read::<CodeCount>("\"10000\"").unwrap().get(), 10_000);
        assert!(read::<CodeCount>("10001").is_err());
        let ids = read::<IdList<EventId>>("[3, 1, \"3\"]").unwrap().into_inner();
        assert_eq!(ids, [EventId::new(1), EventId::new(3)]);
        assert!(read::<IdList<EventId>>(&format!("[{}1]", "1,".repeat(100))).is_err());
        assert!(read::<IdList<EventId>>("[0]").is_err());
    }
}
