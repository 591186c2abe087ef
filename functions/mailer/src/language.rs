use domain::Timestamp;
use jiff::Zoned;
use jiff::tz::TimeZone;
use std::str::FromStr;

/// The language of a mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
    /// As in the `lang` attribute of HTML.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Id => "id",
            Self::En => "en",
        }
    }

    /// The one of two texts that is in this language.
    pub const fn pick<'a>(self, id: &'a str, en: &'a str) -> &'a str {
        match self {
            Self::Id => id,
            Self::En => en,
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

impl From<domain::preferences::Language> for Language {
    fn from(chosen: domain::preferences::Language) -> Self {
        match chosen {
            domain::preferences::Language::Id => Self::Id,
            domain::preferences::Language::En => Self::En,
        }
    }
}

impl FromStr for Language {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "id" => Ok(Self::Id),
            "en" => Ok(Self::En),
            _ => Err("must be id or en"),
        }
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
    }

    #[test]
    fn languages_are_read_by_their_codes() {
        assert_eq!("id".parse(), Ok(Language::Id));
        assert_eq!("en".parse(), Ok(Language::En));
        assert!("fr".parse::<Language>().unwrap_err().contains("id or en"));
    }
}
