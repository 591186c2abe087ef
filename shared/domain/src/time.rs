//! Points in time: UTC with milliseconds, the precision that the API shows.

use std::fmt;

/// A point in time. Serialised as ISO-8601 with exactly three fractional digits and `Z`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(jiff::Timestamp);

impl Timestamp {
    /// The point in time cut to whole milliseconds, so that what is stored, shown and compared is the same value.
    pub fn new(at: jiff::Timestamp) -> Self {
        Self(jiff::Timestamp::from_millisecond(at.as_millisecond()).unwrap_or(at))
    }

    /// The point in time as the time library knows it.
    pub const fn inner(self) -> jiff::Timestamp {
        self.0
    }

    /// Seconds since 1970, as tokens carry them.
    pub fn unix_seconds(self) -> i64 {
        self.0.as_second()
    }

    /// This moment moved by a number of seconds (negative: back), kept within the calendar.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        match self.0.checked_add(jiff::SignedDuration::from_secs(seconds)) {
            Ok(at) => Self(at),
            Err(_) if seconds < 0 => Self(jiff::Timestamp::MIN),
            Err(_) => Self(jiff::Timestamp::MAX),
        }
    }

    /// This moment moved by a number of milliseconds, the least by which two moments differ.
    #[must_use]
    pub fn plus_milliseconds(self, milliseconds: i64) -> Self {
        let moved = self
            .0
            .checked_add(jiff::SignedDuration::from_millis(milliseconds));
        moved.map_or(self, Self)
    }

    /// Seconds from `earlier` to this moment; negative if `earlier` is later.
    pub fn seconds_since(self, earlier: Self) -> i64 {
        self.0.duration_since(earlier.0).as_secs()
    }

    /// Reads a date as clients send it: RFC 3339 with an offset, a local date and time (taken as UTC), or a date alone
    /// (midnight UTC). Years before 1 are refused: the database's calendar begins later than the library's.
    pub fn parse(text: &str) -> Option<Self> {
        const YEAR_ONE: i64 = -62_135_596_800;
        let at = match text.parse::<jiff::Timestamp>() {
            Ok(at) => at,
            Err(_) => {
                let local = text.parse::<jiff::civil::DateTime>().ok()?;
                local.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp()
            }
        };
        (at.as_second() >= YEAR_ONE).then(|| Self::new(at))
    }

    /// Date and time as a clock in `zone` shows them, e.g. `2030-01-05 19:30`. Unknown zones are shown as UTC.
    pub fn in_zone(self, zone: &str) -> String {
        let zone = jiff::tz::TimeZone::get(zone).unwrap_or(jiff::tz::TimeZone::UTC);
        self.0.to_zoned(zone).strftime("%Y-%m-%d %H:%M").to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

impl serde::Serialize for Timestamp {
    fn serialize<S: serde::Serializer>(&self, output: S) -> Result<S::Ok, S::Error> {
        output.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for Timestamp {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text)
            .ok_or_else(|| serde::de::Error::custom("must be a date such as 2030-01-31T19:00:00.000Z"))
    }
}

impl schemars::JsonSchema for Timestamp {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Timestamp".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "format": "date-time", "examples": ["2030-01-31T12:00:00.000Z"]})
    }
}

/// A time zone of the IANA database, e.g. `Asia/Jakarta`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
#[serde(transparent)]
pub struct ZoneName(String);

impl ZoneName {
    /// Where an event takes place unless its organizer says otherwise.
    pub fn jakarta() -> Self {
        Self("Asia/Jakarta".to_owned())
    }

    /// The zone, if the database knows it.
    pub fn parse(name: &str) -> Option<Self> {
        let known = name.len() <= 64 && jiff::tz::TimeZone::get(name).is_ok();
        known.then(|| Self(name.to_owned()))
    }

    /// The name in the database.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> serde::Deserialize<'de> for ZoneName {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(input)?;
        Self::parse(&text).ok_or_else(|| serde::de::Error::custom("must be a time zone such as Asia/Jakarta"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_shown_with_three_digits_and_z() {
        for (input, shown) in [
            ("2030-01-01T00:00:00Z", "2030-01-01T00:00:00.000Z"),
            ("2030-01-01", "2030-01-01T00:00:00.000Z"),
            ("2030-01-01T07:30", "2030-01-01T07:30:00.000Z"),
            ("2030-01-01T07:00:00.1234567+07:00", "2030-01-01T00:00:00.123Z"),
        ] {
            assert_eq!(
                Timestamp::parse(input).map(|at| at.to_string()).as_deref(),
                Some(shown),
                "{input}"
            );
        }
        for bad in [
            "",
            "soon",
            "2030-13-01",
            "2030-02-30T00:00:00Z",
            "1e9",
            "-009999-01-01",
        ] {
            assert_eq!(Timestamp::parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn zones_are_checked_against_the_database() {
        assert!(ZoneName::parse("Asia/Makassar").is_some());
        assert!(ZoneName::parse("Mars/Olympus").is_none());
        let at = Timestamp::parse("2030-01-01T12:00:00Z").unwrap();
        assert_eq!(at.in_zone("Asia/Jakarta"), "2030-01-01 19:00");
    }
}
