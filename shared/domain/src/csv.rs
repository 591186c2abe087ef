//! Tables as CSV (RFC 4180) that a spreadsheet may open: a text that it would take for a formula is made a text.

use std::fmt::Display;

/// What a spreadsheet takes for the beginning of a formula, also in its wide forms, and what it skips before one.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '＠'];

/// A table that grows row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Csv {
    text: String,
    fresh: bool,
}

impl Csv {
    /// A table with these columns.
    pub fn new(columns: &[&str]) -> Self {
        let mut csv = Self {
            text: String::new(),
            fresh: true,
        };
        for column in columns {
            csv.value(column);
        }
        csv.end_row();
        csv
    }

    /// Adds a cell of something that we wrote: a number, a time, a word of the API.
    pub fn value(&mut self, value: impl Display) {
        self.separate();
        self.text.push_str(&value.to_string());
    }

    /// Adds a cell, empty if there is nothing.
    pub fn maybe(&mut self, value: Option<impl Display>) {
        match value {
            Some(value) => self.value(value),
            None => self.separate(),
        }
    }

    /// Adds a cell with a text that somebody wrote.
    pub fn text(&mut self, text: &str) {
        self.separate();
        let formula = text.trim_start_matches(' ').starts_with(FORMULA);
        if !formula && !text.contains([',', '"', '\r', '\n']) {
            self.text.push_str(text);
            return;
        }
        self.text.push('"');
        if formula {
            self.text.push('\'');
        }
        self.text.push_str(&text.replace('"', "\"\""));
        self.text.push('"');
    }

    /// Ends the row.
    pub fn end_row(&mut self) {
        self.text.push_str("\r\n");
        self.fresh = true;
    }

    /// The table.
    pub fn finish(self) -> String {
        self.text
    }

    fn separate(&mut self) {
        if !self.fresh {
            self.text.push(',');
        }
        self.fresh = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut csv = Csv::new(&["a"]);
        csv.text(text);
        csv.end_row();
        csv.finish()
            .strip_prefix("a\r\n")
            .unwrap()
            .trim_end_matches("\r\n")
            .to_owned()
    }

    #[test]
    fn cells_are_separated_and_quoted_where_needed() {
        let mut csv = Csv::new(&["id", "name", "at"]);
        csv.value(7);
        csv.text("Jazz, \"live\"");
        csv.maybe(None::<u32>);
        csv.end_row();
        csv.maybe(Some(8));
        csv.text("");
        csv.value("x");
        csv.end_row();
        let rows = "id,name,at\r\n7,\"Jazz, \"\"live\"\"\",\r\n8,,x\r\n";
        assert_eq!(csv.finish(), rows);
    }

    #[test]
    fn a_formula_is_a_text() {
        for (text, shown) in [
            ("=1+1", "\"'=1+1\""),
            ("+62812", "\"'+62812\""),
            ("-5", "\"'-5\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            ("  =1", "\"'  =1\""),
            ("\t=1", "\"'\t=1\""),
            ("\r=1", "\"'\r=1\""),
            ("\n=1", "\"'\n=1\""),
            ("＝1", "\"'＝1\""),
            ("=HYPERLINK(\"x\")", "\"'=HYPERLINK(\"\"x\"\")\""),
            ("a=1", "a=1"),
            ("two\nlines", "\"two\nlines\""),
        ] {
            assert_eq!(cell(text), shown);
        }
    }
}
