//! Money is whole rupiah. There is no other currency and no fraction.

use std::fmt;

/// An amount in rupiah, never negative and at most [`Rupiah::MAX`].
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize, schemars::JsonSchema,
)]
#[serde(transparent)]
#[schemars(transparent)]
pub struct Rupiah(#[schemars(range(min = 0, max = 100_000_000_000_i64))] i64);

impl Rupiah {
    /// Nothing.
    pub const ZERO: Self = Self(0);

    /// One hundred thousand million rupiah: above any ticket or order, and so far below `i64::MAX` that the sum of
    /// every line of an order cannot overflow.
    pub const MAX: Self = Self(100_000_000_000);

    /// The amount, unless it is negative or above [`Rupiah::MAX`].
    pub const fn new(amount: i64) -> Option<Self> {
        if amount >= 0 && amount <= Self::MAX.0 {
            Some(Self(amount))
        } else {
            None
        }
    }

    /// Whole rupiah.
    pub const fn get(self) -> i64 {
        self.0
    }

    /// The sum, unless it is above [`Rupiah::MAX`].
    pub fn plus(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).and_then(Self::new)
    }

    /// The difference, unless it is negative.
    pub fn minus(self, other: Self) -> Option<Self> {
        Self::new(self.0 - other.0)
    }

    /// The price of several, unless it is above [`Rupiah::MAX`].
    pub fn times(self, quantity: u32) -> Option<Self> {
        self.0.checked_mul(i64::from(quantity)).and_then(Self::new)
    }

    /// Reads an amount as the gateway writes it (`"10000.00"`): the fraction must be all zeros. Floating point is never
    /// involved.
    pub fn parse_decimal(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let digits = !whole.is_empty() && whole.bytes().all(|b| b.is_ascii_digit());
        if !digits || fraction.bytes().any(|b| b != b'0') {
            return None;
        }
        whole.parse().ok().and_then(Self::new)
    }
}

impl fmt::Display for Rupiah {
    /// As Indonesians write it: `Rp 145.000`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        f.write_str("Rp ")?;
        for (i, digit) in digits.chars().enumerate() {
            if i > 0 && (digits.len() - i).is_multiple_of(3) {
                f.write_str(".")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

impl<'de> serde::Deserialize<'de> for Rupiah {
    /// A whole number, or a numeric text as existing clients send it; `100.0` counts as whole, `100.5` does not.
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let amount = crate::text::whole_number(input)?;
        Self::new(amount)
            .ok_or_else(|| serde::de::Error::custom(format!("must be between 0 and {} rupiah", Self::MAX.0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn amounts_of_the_gateway_are_read_exactly() {
        for (text, amount) in [
            ("10000.00", Some(10_000)),
            ("0", Some(0)),
            ("7.", Some(7)),
            ("145000", Some(145_000)),
        ] {
            assert_eq!(Rupiah::parse_decimal(text).map(Rupiah::get), amount, "{text}");
        }
        for bad in [
            "",
            ".00",
            "-1.00",
            "+1.00",
            "1e3",
            "10000.01",
            "10,000.00",
            " 1",
            "NaN",
            "99999999999999999999.00",
        ] {
            assert_eq!(Rupiah::parse_decimal(bad), None, "{bad}");
        }
    }

    #[test]
    fn amounts_are_shown_with_thousands() {
        for (amount, text) in [
            (0, "Rp 0"),
            (999, "Rp 999"),
            (1_000, "Rp 1.000"),
            (145_000, "Rp 145.000"),
            (1_234_567, "Rp 1.234.567"),
        ] {
            assert_eq!(Rupiah::new(amount).unwrap().to_string(), text);
        }
    }

    #[test]
    fn hostile_json_amounts_are_refused() {
        for bad in [
            "-1",
            "1.5",
            "1e309",
            "\"1e3\"",
            "9223372036854775808",
            "\"\"",
            "true",
            "[1]",
            "null",
            "\"NaN\"",
            "100000000001",
        ] {
            assert!(serde_json::from_str::<Rupiah>(bad).is_err(), "{bad}");
        }
        for (good, amount) in [
            ("0", 0),
            ("150000", 150_000),
            ("150000.0", 150_000),
            ("\"150000\"", 150_000),
        ] {
            assert_eq!(
                serde_json::from_str::<Rupiah>(good).unwrap().get(),
                amount,
                "{good}"
            );
        }
    }

    proptest! {
        #[test]
        fn arithmetic_never_leaves_the_range(a in 0..=Rupiah::MAX.get(), b in 0..=Rupiah::MAX.get(), n in 0u32..1000) {
            let (a, b) = (Rupiah::new(a).unwrap(), Rupiah::new(b).unwrap());
            for value in [a.plus(b), a.minus(b), a.times(n)].into_iter().flatten() {
                prop_assert!(value >= Rupiah::ZERO && value <= Rupiah::MAX);
            }
            prop_assert_eq!(a.plus(b).and_then(|sum| sum.minus(b)).unwrap_or(a), a);
        }
    }
}
