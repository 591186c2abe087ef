//! Promo codes: what they take off, from what, and when.
//!
//! One code per order, or up to [`MOST_PER_ORDER`] if every one of them says that it may be combined. They are applied in the order
//! in which the buyer names them, each to what the one before left of the price; fees and taxes come afterwards. Nothing goes
//! below zero: an amount that is larger than the price takes off the price.

use crate::price::{Line, part};
use crate::{Error, EventId, Rupiah, TicketTypeId, Timestamp, UserId};
use std::fmt;

/// Most codes of one order.
pub const MOST_PER_ORDER: usize = 3;

/// What buyers type: 3 to 20 letters, digits, `-` or `_`. Upper case whatever was typed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct PromoCode(#[schemars(length(min = 3, max = 20), regex(pattern = "^[A-Za-z0-9_-]+$"))] String);

impl PromoCode {
    /// Longest code.
    pub const LONGEST: usize = 20;

    /// The code that is meant.
    ///
    /// # Errors
    /// What a person can do about it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let text = text.trim();
        if !(3..=Self::LONGEST).contains(&text.chars().count()) {
            return Err("must be 3 to 20 characters long");
        }
        if !text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
        {
            return Err("must consist of letters, digits, - and _");
        }
        Ok(Self(text.to_ascii_uppercase()))
    }

    /// The code.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for PromoCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for PromoCode {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// The codes of one order as a buyer gives them: one, or several with commas between. Blank text is none.
#[derive(Debug, Clone, Default, PartialEq, Eq, schemars::JsonSchema)]
#[schemars(transparent)]
pub struct PromoCodes(#[schemars(with = "String")] Vec<PromoCode>);

impl PromoCodes {
    /// The codes, in the order in which they are applied; none twice.
    pub fn as_slice(&self) -> &[PromoCode] {
        &self.0
    }

    /// Whether there is none.
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> serde::Deserialize<'de> for PromoCodes {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        let mut codes: Vec<PromoCode> = Vec::new();
        for part in text.split(',').filter(|part| !part.trim().is_empty()) {
            // What cannot be a code is answered like a code that nobody made, in the words that clients know.
            let code = PromoCode::parse(part).map_err(|_| serde::de::Error::custom(INVALID))?;
            if !codes.contains(&code) {
                codes.push(code);
            }
        }
        if codes.len() > MOST_PER_ORDER {
            return Err(serde::de::Error::custom(format!(
                "must be at most {MOST_PER_ORDER} codes"
            )));
        }
        Ok(Self(codes))
    }
}

const INVALID: &str = "Invalid promo code";

/// A part of a price, in hundredths of a percent: more than nothing and at most all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u32);

impl Percent {
    /// The part, unless it is zero or above 100 %.
    pub const fn new(hundredths: u32) -> Option<Self> {
        if hundredths >= 1 && hundredths <= 10_000 {
            Some(Self(hundredths))
        } else {
            None
        }
    }

    /// Hundredths of a percent.
    pub const fn hundredths(self) -> u32 {
        self.0
    }
}

impl fmt::Display for Percent {
    /// As people write it: `10`, `12.5`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:02}", self.0 / 100, self.0 % 100);
        f.write_str(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl serde::Serialize for Percent {
    /// A plain number, without a fraction where there is none: `10`, `12.5`.
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        if self.0.is_multiple_of(100) {
            output.serialize_u32(self.0 / 100)
        } else {
            output.serialize_f64(f64::from(self.0) / 100.0)
        }
    }
}

impl<'de> serde::Deserialize<'de> for Percent {
    /// A number or a numeric text, with at most two digits after the point.
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        struct Part;
        impl serde::de::Visitor<'_> for Part {
            type Value = u32;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a number")
            }

            fn visit_i64<E: serde::de::Error>(self, value: i64) -> Result<u32, E> {
                // What does not fit is out of range, whatever it is.
                Ok(u32::try_from(value)
                    .ok()
                    .and_then(|n| n.checked_mul(100))
                    .unwrap_or(0))
            }

            fn visit_u64<E: serde::de::Error>(self, value: u64) -> Result<u32, E> {
                self.visit_i64(i64::try_from(value).unwrap_or(0))
            }

            fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<u32, E> {
                // The shortest text of a number is what was written, so that 12.35 has two digits.
                self.visit_str(&value.to_string())
            }

            fn visit_str<E: serde::de::Error>(self, value: &str) -> Result<u32, E> {
                let (whole, fraction) = value.trim().split_once('.').unwrap_or((value.trim(), ""));
                let digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
                if whole.is_empty() || !digits(whole.strip_prefix('-').unwrap_or(whole)) || !digits(fraction)
                {
                    return Err(E::custom("must be a number"));
                }
                let fraction = fraction.trim_end_matches('0');
                if fraction.len() > 2 {
                    return Err(E::custom("must have at most two digits after the point"));
                }
                Ok(format!("{whole}{fraction:0<2}").parse().unwrap_or(0))
            }
        }
        Self::new(input.deserialize_any(Part)?)
            .ok_or_else(|| serde::de::Error::custom("Discount must be between 0 and 100"))
    }
}

impl schemars::JsonSchema for Percent {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Percent".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": 100, "multipleOf": 0.01})
    }
}

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
