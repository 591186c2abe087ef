//! The languages in which people are written to, and how a moment is written in them.

use crate::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;
use std::str::FromStr;

/// A language in which people are written to. Indonesian for those who did not choose one, unless the fleet says otherwise.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// Indonesian.
    #[default]
    Id,
    /// English.
    En,
}

const MONTHS_ID: [&str; 12] = [
    "Januari",
    "Februari",
    "Maret",
    "April",
    "Mei",
    "Juni",
    "Juli",
    "Agustus",
    "September",
    "Oktober",
    "November",
    "Desember",
];
const DAYS_ID: [&str; 7] = ["Senin", "Selasa", "Rabu", "Kamis", "Jumat", "Sabtu", "Minggu"];

impl Language {
    /// As stored, and as in the `lang` attribute of HTML.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::En => "en",
        }
    }

    /// The language of that code.
    pub fn parse(code: &str) -> Option<Self> {
        [Self::Id, Self::En]
            .into_iter()
            .find(|language| language.as_str() == code)
    }

    /// The one of two texts that is in this language.
    pub const fn pick<'a>(self, id: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Id => id,
            Self::En => en,
        }
    }

    /// The day as people at a place write it in figures: `5/1/2030`, or `1/5/2030` in English. Unknown zones are read as UTC.
    pub fn day(self, at: Timestamp, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let at = at.inner().to_zoned(zone);
        let (day, month, year) = (at.day(), at.month(), at.year());
        match self {
            Self::Id => format!("{day}/{month}/{year}"),
            Self::En => format!("{month}/{day}/{year}"),
        }
    }

    /// Date and time as people at a place write them: `Sabtu, 5 Januari 2030 pukul 19.30 WIB`. Unknown zones are shown as
    /// UTC.
    pub fn moment(self, at: Timestamp, zone: &str) -> String {
        let zone = TimeZone::get(zone).unwrap_or(TimeZone::UTC);
        let at = at.inner().to_zoned(zone);
        match self {
            Self::Id => {
                let name = |names: &[&'static str], index: i8| {
                    usize::try_from(index)
                        .ok()
                        .and_then(|i| names.get(i).copied())
                        .unwrap_or_default()
                };
                let day = name(&DAYS_ID, at.weekday().to_monday_zero_offset());
                let month = name(&MONTHS_ID, at.month() - 1);
                let time = at.strftime("%H.%M");
                format!(
                    "{day}, {} {month} {} pukul {time} {}",
                    at.day(),
                    at.year(),
                    zone_name(&at)
                )
            }
            Self::En => format!("{} {}", at.strftime("%A, %-d %B %Y at %H:%M"), zone_name(&at)),
        }
    }
}

/// What people call the zone (`WIB`), or its distance to UTC where it has no such name.
fn zone_name(at: &Zoned) -> String {
    let name = at.strftime("%Z").to_string();
    if name.starts_with(['+', '-']) {
        format!("(UTC{})", at.strftime("%:z"))
    } else {
        name
    }
}

impl FromStr for Language {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text).ok_or("must be id or en")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_written_as_at_the_place() {
        let at = Timestamp::parse("2030-01-05T12:30:00Z").unwrap();
        for (zone, id, en) in [
            (
                "Asia/Jakarta",
                "Sabtu, 5 Januari 2030 pukul 19.30 WIB",
                "Saturday, 5 January 2030 at 19:30 WIB",
            ),
            (
                "Asia/Makassar",
                "Sabtu, 5 Januari 2030 pukul 20.30 WITA",
                "Saturday, 5 January 2030 at 20:30 WITA",
            ),
            (
                "Asia/Jayapura",
                "Sabtu, 5 Januari 2030 pukul 21.30 WIT",
                "Saturday, 5 January 2030 at 21:30 WIT",
            ),
            (
                "Asia/Dubai",
                "Sabtu, 5 Januari 2030 pukul 16.30 (UTC+04:00)",
                "Saturday, 5 January 2030 at 16:30 (UTC+04:00)",
            ),
            (
                "Mars/Olympus",
                "Sabtu, 5 Januari 2030 pukul 12.30 UTC",
                "Saturday, 5 January 2030 at 12:30 UTC",
            ),
        ] {
            assert_eq!(Language::Id.moment(at, zone), id);
            assert_eq!(Language::En.moment(at, zone), en);
        }
    }

    #[test]
    fn the_date_is_that_of_the_place() {
        let at = Timestamp::parse("2029-12-31T20:00:00Z").unwrap();
        assert_eq!(
            Language::Id.moment(at, "Asia/Jakarta"),
            "Selasa, 1 Januari 2030 pukul 03.00 WIB"
        );
        let at = Timestamp::parse("2030-02-27T20:00:00Z").unwrap();
        assert_eq!(Language::Id.day(at, "Asia/Jakarta"), "28/2/2030");
        assert_eq!(Language::En.day(at, "Asia/Jakarta"), "2/28/2030");
    }

    #[test]
    fn languages_are_read_by_their_codes() {
        assert_eq!("id".parse(), Ok(Language::Id));
        assert_eq!("en".parse(), Ok(Language::En));
        assert!("fr".parse::<Language>().unwrap_err().contains("id or en"));
        for language in [Language::Id, Language::En] {
            assert_eq!(Language::parse(language.as_str()), Some(language));
        }
    }
}
