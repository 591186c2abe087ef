//! How Midtrans writes times and amounts.

use jiff::Timestamp;
use jiff::tz::Offset;

/// Western Indonesian Time. Indonesia has no daylight saving, so the offset is constant.
const WIB: Offset = Offset::constant(7);

/// `2026-01-15 10:00:00`: GMT+7, without any mark of the zone.
pub(crate) fn wib(time: Timestamp) -> String {
    WIB.to_datetime(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// `15 Jan 2026, 10:00 WIB`, for people.
pub(crate) fn wib_for_people(time: Timestamp) -> String {
    WIB.to_datetime(time).strftime("%-d %b %Y, %H:%M WIB").to_string()
}

/// `2025-06-03T13:09:39.776Z`: the only time Midtrans writes in UTC is the end of a cancelled Snap session.
pub(crate) fn utc_millis(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Reads `2020-04-13 18:11:08 +0700`, the form of `expiry.start_time` and `custom_expiry.order_time`.
pub(crate) fn parse_with_offset(text: &str) -> Option<Timestamp> {
    Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", text).ok()
}

/// `145000.00`, the form of amounts in answers and notifications.
pub(crate) fn amount(rupiah: i64) -> String {
    format!("{rupiah}.00")
}

/// `Rp 145.000`, for people.
pub(crate) fn rupiah(rupiah: i64) -> String {
    let digits = rupiah.unsigned_abs().to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push('.');
        }
        grouped.push(digit);
    }
    format!("{}Rp {grouped}", if rupiah < 0 { "-" } else { "" })
}

/// Percent-encodes everything but unreserved characters, for a value in a query string or a path segment.
pub(crate) fn percent_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// Escapes text for HTML content and attribute values.
pub(crate) fn escape_html(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            other => escaped.push(other),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_wib_without_offset() {
        let time: Timestamp = "2026-01-15T03:00:00Z".parse().unwrap();
        assert_eq!(wib(time), "2026-01-15 10:00:00");
        assert_eq!(wib_for_people(time), "15 Jan 2026, 10:00 WIB");
        assert_eq!(utc_millis(time), "2026-01-15T03:00:00.000Z");
        assert_eq!(parse_with_offset("2026-01-15 10:00:00 +0700"), Some(time));
        assert_eq!(parse_with_offset("2026-01-15 10:00:00"), None);
    }

    #[test]
    fn amounts_for_machines_and_for_people() {
        assert_eq!(amount(145_000), "145000.00");
        assert_eq!(rupiah(145_000), "Rp 145.000");
        assert_eq!(rupiah(999), "Rp 999");
        assert_eq!(rupiah(-1_250_000), "-Rp 1.250.000");
        assert_eq!(rupiah(0), "Rp 0");
    }

    #[test]
    fn texts_are_made_safe() {
        assert_eq!(percent_encode("a b#/é"), "a%20b%23%2F%C3%A9");
        assert_eq!(escape_html("<b a='1'>\"&"), "&lt;b a=&#39;1&#39;&gt;&quot;&amp;");
    }
}
