//! Calendar files (RFC 5545): one `VEVENT`, as mail clients and phones take it.

use crate::Timestamp;

/// What a calendar shall show.
#[derive(Debug, Clone)]
pub struct Entry<'a> {
    /// Stays the same when the entry changes, so that calendars replace it.
    pub uid: &'a str,
    /// When the entry was last changed.
    pub changed: Timestamp,
    /// When it begins.
    pub begins: Timestamp,
    /// What it is called.
    pub title: &'a str,
    /// What it is about; may be empty.
    pub description: &'a str,
    /// Where it takes place.
    pub location: &'a str,
    /// A page about it.
    pub url: &'a str,
    /// Whether it does not take place.
    pub cancelled: bool,
}

/// Longest line in bytes, before its line break (RFC 5545, 3.1).
const LINE: usize = 75;

/// The file, with the line breaks and foldings that the standard asks for.
pub fn file(entry: &Entry<'_>) -> String {
    let mut file = String::new();
    let mut line = |name: &str, value: &str| fold(&mut file, &format!("{name}:{value}"));
    line("BEGIN", "VCALENDAR");
    line("VERSION", "2.0");
    line("PRODID", "-//GiggleFest//Events//EN");
    line("METHOD", if entry.cancelled { "CANCEL" } else { "PUBLISH" });
    line("BEGIN", "VEVENT");
    line("UID", &escape(entry.uid));
    line("DTSTAMP", &utc(entry.changed));
    line("DTSTART", &utc(entry.begins));
    line("SUMMARY", &escape(entry.title));
    if !entry.description.is_empty() {
        line("DESCRIPTION", &escape(entry.description));
    }
    line("LOCATION", &escape(entry.location));
    line("URL", &entry.url.replace(['\r', '\n'], ""));
    line("STATUS", if entry.cancelled { "CANCELLED" } else { "CONFIRMED" });
    line("END", "VEVENT");
    line("END", "VCALENDAR");
    file
}

fn utc(at: Timestamp) -> String {
    at.inner().strftime("%Y%m%dT%H%M%SZ").to_string()
}

fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                escaped.push('\\');
                escaped.push(c);
            }
            '\n' => escaped.push_str("\\n"),
            c if c.is_control() => {}
            c => escaped.push(c),
        }
    }
    escaped
}

/// Breaks a line between characters, so that no part is longer than [`LINE`]; the parts after the first begin with a blank.
fn fold(file: &mut String, line: &str) {
    let mut length = 0;
    for c in line.chars() {
        if length + c.len_utf8() > LINE {
            file.push_str("\r\n ");
            length = 1;
        }
        file.push(c);
        length += c.len_utf8();
    }
    file.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn entry<'a>(title: &'a str, description: &'a str) -> Entry<'a> {
        Entry {
            uid: "event-7@gigglefest",
            changed: Timestamp::parse("2030-01-01T00:00:00Z").unwrap(),
            begins: Timestamp::parse("2030-02-01T19:00:00+07:00").unwrap(),
            title,
            description,
            location: "Istora, Jakarta",
            url: "https://shop.example/events/7",
            cancelled: false,
        }
    }

    #[test]
    fn a_file_is_what_calendars_read() {
        let file = file(&entry("Jazz; live", "One\r\ntwo\\three"));
        for line in [
            "BEGIN:VCALENDAR\r\n",
            "DTSTART:20300201T120000Z\r\n",
            "SUMMARY:Jazz\\; live\r\n",
            "DESCRIPTION:One\\ntwo\\\\three\r\n",
            "LOCATION:Istora\\, Jakarta\r\n",
            "STATUS:CONFIRMED\r\n",
        ] {
            assert!(file.contains(line), "{line:?} in {file:?}");
        }
        assert!(file.ends_with("END:VEVENT\r\nEND:VCALENDAR\r\n"));
    }

    proptest! {
        #[test]
        fn no_line_is_too_long_and_no_text_becomes_a_line(title in "\\PC{0,200}", description in "(?s).{0,300}") {
            let file = file(&entry(&title, &description));
            for line in file.split("\r\n") {
                prop_assert!(line.len() <= LINE, "{line}");
                prop_assert!(!line.contains(['\r', '\n']));
            }
            let unfolded = file.replace("\r\n ", "");
            prop_assert_eq!(unfolded.matches("\r\nSUMMARY:").count(), 1);
            prop_assert_eq!(unfolded.matches("\r\nBEGIN:VEVENT\r\n").count(), 1);
        }
    }
}
