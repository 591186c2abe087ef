//! Parts of a price.

use std::fmt;

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

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Percent, String> {
        serde_json::from_str(json).map_err(|error| error.to_string())
    }

    #[test]
    fn percents_are_read_and_shown_without_rounding() {
        for (json, hundredths, shown) in [
            ("10", 1_000, "10"),
            ("\"10\"", 1_000, "10"),
            ("12.5", 1_250, "12.5"),
            ("\"0.01\"", 1, "0.01"),
            ("100", 10_000, "100"),
            ("100.0", 10_000, "100"),
            ("12.35", 1_235, "12.35"),
            ("33.33", 3_333, "33.33"),
        ] {
            let percent: Percent = read(json).unwrap();
            assert_eq!(percent.hundredths(), hundredths, "{json}");
            assert_eq!(percent.to_string(), shown);
            assert_eq!(serde_json::to_string(&percent).unwrap(), shown);
        }
        for bad in [
            "0",
            "-1",
            "-0.5",
            "100.01",
            "101",
            "1e9",
            "1e308",
            "12.345",
            "\"\"",
            "\"abc\"",
            "\"1e1\"",
            "null",
            "true",
            "[10]",
            "\"0x10\"",
            "9223372036854775807",
            "18446744073709551615",
            "\"99999999999999999999\"",
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
