//! Calendar files (RFC 5545): one `VEVENT`, as mail clients and phones take it, or many, as they subscribe to it.

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
    /// When it ends, if that is known.
    pub ends: Option<Timestamp>,
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
    let method = if entry.cancelled { "CANCEL" } else { "PUBLISH" };
    let mut file = begin(method, &[]);
    event(&mut file, entry);
    fold(&mut file, "END:VCALENDAR");
    file
}

/// A calendar of many entries that programs read again and again.
pub fn feed(name: &str, entries: &[Entry<'_>]) -> String {
    let name = format!("X-WR-CALNAME:{}", escape(name));
    let mut file = begin("PUBLISH", &[&name, "REFRESH-INTERVAL;VALUE=DURATION:PT1H"]);
    for entry in entries {
        event(&mut file, entry);
    }
    fold(&mut file, "END:VCALENDAR");
    file
}

fn begin(method: &str, more: &[&str]) -> String {
    let mut file = String::new();
    let method = format!("METHOD:{method}");
    for line in [
        "BEGIN:VCALENDAR",
        "VERSION:2.0",
        "PRODID:-//GiggleFest//Events//EN",
        &method,
    ] {
        fold(&mut file, line);
    }
    for line in more {
        fold(&mut file, line);
    }
    file
}

fn event(file: &mut String, entry: &Entry<'_>) {
    let mut line = |name: &str, value: &str| fold(file, &format!("{name}:{value}"));
    line("BEGIN", "VEVENT");
    line("UID", &escape(entry.uid));
    line("DTSTAMP", &utc(entry.changed));
    line("DTSTART", &utc(entry.begins));
    if let Some(ends) = entry.ends {
        line("DTEND", &utc(ends));
    }
    line("SUMMARY", &escape(entry.title));
    if !entry.description.is_empty() {
        line("DESCRIPTION", &escape(entry.description));
    }
    line("LOCATION", &escape(entry.location));
    line("URL", &entry.url.replace(['\r', '\n'], ""));
    line("STATUS", if entry.cancelled { "CANCELLED" } else { "CONFIRMED" });
    line("END", "VEVENT");
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
            ends: None,
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
        assert!(!file.contains("DTEND"));
        let ends = Timestamp::parse("2030-02-01T23:00:00+07:00");
        let file = super::file(&Entry {
            ends,
            ..entry("Jazz", "")
        });
        assert!(
            file.contains("DTSTART:20300201T120000Z\r\nDTEND:20300201T160000Z\r\n"),
            "{file}"
        );
    }

    #[test]
    fn a_feed_is_one_calendar_of_all_entries() {
        let feed = feed("Upcoming; all", &[entry("Jazz", ""), entry("Rock", "")]);
        assert!(feed.starts_with("BEGIN:VCALENDAR\r\nVERSION:2.0\r\n"));
        assert!(feed.contains("X-WR-CALNAME:Upcoming\\; all\r\n"));
        for (line, times) in [("BEGIN:VCALENDAR", 1), ("BEGIN:VEVENT", 2), ("END:VCALENDAR", 1)] {
            assert_eq!(feed.matches(&format!("{line}\r\n")).count(), times, "{line}");
        }
        assert!(super::feed("None", &[]).ends_with("PT1H\r\nEND:VCALENDAR\r\n"));
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
